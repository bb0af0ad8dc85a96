# The certification authority: its directory, what it signs and revokes, and when that ends.
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables

ca_config()
{
	cat <<-'END'
		# Made by mqtt-vpn-pki.
		[ca]
		default_ca = this
		[this]
		dir = .
		database = index.txt
		serial = serial
		crlnumber = crlnumber
		new_certs_dir = certs
		certificate = ca.crt
		private_key = ca.key
		default_md = sha256
		policy = any
		copy_extensions = none
		unique_subject = no
		[any]
		commonName = supplied
		[req]
		distinguished_name = nobody
		[nobody]
		[authority]
		basicConstraints = critical, CA:TRUE, pathlen:0
		keyUsage = critical, keyCertSign, cRLSign
		subjectKeyIdentifier = hash
		[server]
		basicConstraints = critical, CA:FALSE
		keyUsage = critical, digitalSignature
		extendedKeyUsage = serverAuth
		subjectKeyIdentifier = hash
		authorityKeyIdentifier = keyid
		subjectAltName = $ENV::subject_names
		[node]
		basicConstraints = critical, CA:FALSE
		keyUsage = critical, digitalSignature
		extendedKeyUsage = clientAuth
		subjectKeyIdentifier = hash
		authorityKeyIdentifier = keyid
	END
}

# In the directory of the CA, whose configuration has no other paths; what openssl has to say is
# shown if it fails only.
run_openssl()
{
	make_work_dir
	(
		cd "$pki/ca"
		openssl "$@" 2>"$work/openssl.err"
	) && return 0
	cat "$work/openssl.err" >&2
	die "openssl $1 failed, see above"
}

# make_key FILE: P-256, which every device can verify. A key that is there stays.
make_key()
{
	[ ! -s "$1" ] || return 0
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.new" 2>/dev/null ||
	    die "$1: openssl cannot make a key"
	mv "$1.new" "$1"
}

make_ca()
{
	check_clock
	mkdir -p "$pki/ca/certs"
	ca_config | put "$pki/ca/openssl.cnf"
	[ -e "$pki/ca/index.txt" ] || : >"$pki/ca/index.txt"
	[ -e "$pki/ca/crlnumber" ] || echo 01 >"$pki/ca/crlnumber"
	[ -e "$pki/ca/serial" ] || openssl rand -hex 16 | sed 's/^./1/' >"$pki/ca/serial"
	make_key "$pki/ca/ca.key"
	[ ! -s "$pki/ca/ca.crt" ] || return 0
	run_openssl req -new -x509 -config openssl.cnf -extensions authority -key ca.key \
	    -days "$s_ca_days" -subj "/CN=$s_network VPN CA" -sha256 -out ca.crt.new
	mv "$pki/ca/ca.crt.new" "$pki/ca/ca.crt"
	did "made a CA, $pki/ca/ca.crt, good until $(expiry "$pki/ca/ca.crt"); whoever has ca.key beside it can let anybody in"
}

# issue KIND NAME KEY CERTIFICATE [REQUEST]: signs with the extensions of server or node, for as long
# as $days says.
issue()
{
	check_clock
	make_work_dir
	if [ -n "${5:-}" ]; then
		openssl req -in "$5" -verify -noout >/dev/null 2>&1 ||
		    die "$5 is not a certificate request: expected the output of 'mqtt-vpn-pki request'"
		cp "$5" "$work/request"
	else
		make_key "$3"
		run_openssl req -new -config openssl.cnf -key "$3" -subj "/CN=$2" -out "$work/request"
	fi
	run_openssl ca -batch -notext -config openssl.cnf -extensions "$1" -days "$days" \
	    -subj "/CN=$2" -in "$work/request" -out "$work/certificate"
	put "$4" <"$work/certificate"
}

# revoke_all NAME: every certificate of that name that could still be used.
revoke_all()
{
	awk -F '\t' -v name="/CN=$1" '$1 == "V" && $6 == name { print $4 }' "$pki/ca/index.txt" \
	    >"$work/serials"
	while read -r _serial; do
		run_openssl ca -config openssl.cnf -revoke "certs/$_serial.pem" \
		    -crl_reason cessationOfOperation
	done <"$work/serials"
}

make_crl()
{
	check_clock
	run_openssl ca -config openssl.cnf -gencrl -crldays "$s_crl_days" -out ca.crl.new
	mv "$pki/ca/ca.crl.new" "$pki/ca/ca.crl"
}

# Whether the list has every certificate that was revoked: a run may have ended between the two.
lists_all_revoked()
(
	make_work_dir
	openssl crl -in "$pki/ca/ca.crl" -noout -text 2>/dev/null |
	    sed -n 's/^ *Serial Number: *//p' >"$work/listed"
	! awk -F '\t' '$1 == "R" { print $4 }' "$pki/ca/index.txt" | grep -q -v -x -F -f "$work/listed"
)

# The certificate that proves that the broker looks at the list: it was revoked when it was made.
make_revoked()
{
	if [ ! -s "$pki/probe/revoked.crt" ]; then
		mkdir -p "$pki/probe"
		days=$((s_ca_days - 1))
		issue node revoked-for-verify "$pki/probe/revoked.key" "$pki/probe/revoked.crt"
	fi
	revoke_all revoked-for-verify
	lists_all_revoked || make_crl
}

# end_of FILE: "Nov 21 23:00:00 2028 GMT", of a certificate or a revocation list.
end_of()
{
	case $1 in
	*.crl) openssl crl -in "$1" -noout -nextupdate ;;
	*) openssl x509 -in "$1" -noout -enddate ;;
	esac 2>/dev/null | sed 's/^[A-Za-z]*=//'
}

# expiry FILE: the day, 2028-11-21.
expiry()
{
	end_of "$1" | awk '{
		month = (index("JanFebMarAprMayJunJulAugSepOctNovDec", $1) + 2) / 3
		printf "%04d-%02d-%02d\n", $4, month, $2
	}'
}

# days_left FILE: whole days, negative once it has expired; nothing if there is none.
days_left()
(
	_end=$(expiry "$1")
	[ -n "$_end" ] || return 0
	echo "$_end $(date -u +%Y-%m-%d)" | awk '
	function day(text,    p, y, m) {
		split(text, p, "-")
		y = p[1]
		m = p[2]
		if (m <= 2) {
			y--
			m += 12
		}
		return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * m - 457) / 5) + p[3]
	}
	{ print day($1) - day($2) }'
)

# names_of CERTIFICATE: its SAN, "DNS:a,IP:1.2.3.4".
names_of()
{
	openssl x509 -in "$1" -noout -ext subjectAltName 2>/dev/null |
	    sed -n 's/^ *//; s/IP Address:/IP:/g; s/, /,/g; /^[DI]/p'
}

# is_for CERTIFICATE NAME: whether a client that connects to NAME takes it.
is_for()
{
	if is_ipv4 "$2" || is_ipv6 "$2"; then
		openssl x509 -in "$1" -noout -checkip "$2"
	else
		openssl x509 -in "$1" -noout -checkhost "$2"
	fi 2>/dev/null | grep -q 'does match'
}

# same_key CERTIFICATE KEY
same_key()
{
	[ "$(openssl x509 -in "$1" -noout -pubkey 2>/dev/null)" = \
	    "$(openssl pkey -in "$2" -pubout 2>/dev/null)" ]
}

is_signed()
{
	openssl verify -no_check_time -CAfile "$pki/ca/ca.crt" "$1" >/dev/null 2>&1
}
