#!/bin/sh
# A group with the method update: members, a newcomer, and one that goes.
# SPDX-License-Identifier: ISC

METHOD=update
# shellcheck source=tests/group.sh
. "${srcdir:-$(dirname "$0")/..}/tests/group.sh"
