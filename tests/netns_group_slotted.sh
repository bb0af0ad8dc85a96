#!/bin/sh
# A group with the method slotted: members, a newcomer, and one that goes.
# SPDX-License-Identifier: ISC

METHOD=slotted
# shellcheck source=tests/group.sh
. "${srcdir:-$(dirname "$0")/..}/tests/group.sh"
