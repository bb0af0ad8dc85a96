#!/bin/sh
# Ten thousand configured peers are found, loaded and loaded again at about the cost of ten, each.
# SPDX-License-Identifier: ISC

exec "${builddir:-.}/bench/lookup" 4
