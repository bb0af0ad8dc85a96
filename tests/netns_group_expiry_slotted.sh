#!/bin/sh
# Memberships of a group with the method slotted end.
# SPDX-License-Identifier: ISC

METHOD=slotted
# shellcheck source=tests/group_expiry.sh
. "${srcdir:-$(dirname "$0")/..}/tests/group_expiry.sh"
