#!/bin/sh
# Memberships of a group with the method update end.
# SPDX-License-Identifier: ISC

METHOD=update
# shellcheck source=tests/group_expiry.sh
. "${srcdir:-$(dirname "$0")/..}/tests/group_expiry.sh"
