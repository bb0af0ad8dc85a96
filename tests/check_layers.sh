#!/bin/sh
# Keeps the layers of src/ apart, as Makefile.am lists them: a file includes headers of lower layers
# and of its own module only, and each foreign library is known to one module only. A module is its
# stem up to the first underscore: settings_file.c belongs to settings.
# SPDX-License-Identifier: ISC

cd "${srcdir:-.}" || exit 1

awk '
function complain(where, text) {
	print where ": " text
	bad = 1
}

function stem(path) {
	sub(/.*\//, "", path)
	sub(/\.[ch]$/, "", path)
	return path
}

function module(path) {
	path = stem(path)
	sub(/_.*/, "", path)
	return path
}

# One logical line of Makefile.am: files of src/ get the layer of the list they stand in.
function read_list(line, number,    words, count, i, layer) {
	if (line !~ /^[A-Za-z0-9_]+_SOURCES *=/)
		return
	count = split(line, words, /[ \t=]+/)
	if (words[1] ~ /^liblayer[0-9]+_a_/) {
		layer = words[1]
		gsub(/[^0-9]/, "", layer)
	} else {
		layer = PROGRAMS
	}
	for (i = 2; i <= count; i++) {
		if (words[i] !~ /^src\/.*\.[ch]$/)
			continue
		if (words[i] in layer_of)
			complain("Makefile.am:" number, words[i] " is listed twice")
		layer_of[words[i]] = layer + 0
		files[++file_count] = words[i]
	}
}

function read_makefile(    line, number, rest) {
	while ((getline line < "Makefile.am") > 0) {
		number++
		while (line ~ /\\$/ && (getline rest < "Makefile.am") > 0) {
			number++
			sub(/\\$/, " ", line)
			line = line rest
		}
		read_list(line, number)
	}
}

function check_own(file, where, name, layer,    path) {
	path = "src/" name
	if (name == "config.h")
		return
	if (!(path in layer_of))
		complain(where, name " is in no list of Makefile.am")
	else if (layer_of[path] >= layer && module(name) != module(file))
		complain(where, name " is of layer " layer_of[path] ", this file of layer " layer)
}

# A foreign library is known to one module, and not by way of its public header.
function only(file, where, header, owner) {
	if (module(file) != owner || file == "src/" owner ".h")
		complain(where, "<" header "> is only for what is inside of " owner)
}

function check_foreign(file, where, header, layer) {
	if (header == "sodium.h")
		only(file, where, header, "aead")
	else if (header == "mosquitto.h")
		only(file, where, header, "link")
	else if (header ~ /^openssl\// && file != "src/aead_cipher.c")
		only(file, where, header, "tls")
	else if (header == "confuse.h" || header == "zxcvbn.h")
		only(file, where, header, "settings")
	else if (layer <= 2 && (header ~ /^event2\// || header == "sys/socket.h" || header == "netdb.h"))
		complain(where, "<" header "> has no place below layer 3")
}

# config.h first, then the own header: <stem>.h where there is one, else one of the module.
function check_order(file, where, name, rank) {
	if (rank == 1 && name != "config.h")
		complain(where, "expected \"config.h\" first")
	if (rank != 2)
		return
	if (("src/" stem(file) ".h") in layer_of) {
		if (name != stem(file) ".h")
			complain(where, "expected \"" stem(file) ".h\" second")
	} else if (layer_of[file] != PROGRAMS && (name ~ /[<>]/ || module(name) != module(file))) {
		complain(where, "expected a header of " module(file) " second")
	}
}

function check_file(file,    line, number, rank, name, where, layer) {
	layer = layer_of[file]
	while ((getline line < file) > 0) {
		number++
		if (line !~ /^[ \t]*#[ \t]*include[ \t]*["<]/)
			continue
		where = file ":" number
		name = line
		sub(/^[^"<]*/, "", name)
		sub(/[^">]*$/, "", name)
		if (name ~ /^"/) {
			gsub(/"/, "", name)
			check_own(file, where, name, layer)
		} else {
			check_foreign(file, where, substr(name, 2, length(name) - 2), layer)
		}
		if (file ~ /\.c$/)
			check_order(file, where, name, ++rank)
	}
	if (number == 0)
		complain(file ":1", "is in Makefile.am, but missing or empty")
	else if (file ~ /\.c$/ && rank == 0)
		complain(file ":1", "expected \"config.h\" first")
	close(file)
}

BEGIN {
	PROGRAMS = 99
	read_makefile()
	for (i = 1; i <= file_count; i++)
		check_file(files[i])
	if (file_count == 0)
		complain("Makefile.am:1", "no list of sources found")
	for (i = 1; i < ARGC; i++) {
		if (!(ARGV[i] in layer_of))
			complain(ARGV[i] ":1", "is in no list of Makefile.am")
	}
	exit bad
}' src/*.[ch]
