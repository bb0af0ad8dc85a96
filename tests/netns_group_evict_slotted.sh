#!/bin/sh
# A member of a group with the method slotted is put out.
# SPDX-License-Identifier: ISC

METHOD=slotted
# shellcheck source=tests/group_evict.sh
. "${srcdir:-$(dirname "$0")/..}/tests/group_evict.sh"
