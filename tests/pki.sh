# shellcheck shell=sh disable=SC2154 # tmp is lib.sh's
# A certification authority for the tests that use TLS. Sourced after lib.sh.
#
# SPDX-License-Identifier: ISC

# pki_new NAME: a CA in $tmp/NAME.
pki_new()
{
	mkdir -p "$tmp/$1"
	: >"$tmp/$1/index.txt"
	echo 01 >"$tmp/$1/serial"
	echo 01 >"$tmp/$1/crlnumber"
	cat >"$tmp/$1/ca.cnf" <<-END
		[ca]
		default_ca = this
		[this]
		dir = $tmp/$1
		database = $tmp/$1/index.txt
		serial = $tmp/$1/serial
		crlnumber = $tmp/$1/crlnumber
		new_certs_dir = $tmp/$1
		certificate = $tmp/$1/ca.crt
		private_key = $tmp/$1/ca.key
		default_md = sha256
		default_days = 30
		default_crl_days = 30
		policy = any
		copy_extensions = copy
		unique_subject = no
		[any]
		commonName = supplied
		[req]
		distinguished_name = name
		x509_extensions = authority
		[name]
		[authority]
		basicConstraints = critical, CA:TRUE
		keyUsage = critical, keyCertSign, cRLSign
		subjectKeyIdentifier = hash
	END
	pki_key "$1/ca"
	openssl req -new -x509 -config "$tmp/$1/ca.cnf" -key "$tmp/$1/ca.key" -days 30 \
	    -subj "/CN=Test CA $1" -out "$tmp/$1/ca.crt"
}

pki_key()
{
	(umask 077 && openssl ecparam -name prime256v1 -genkey -noout -out "$tmp/$1.key")
}

# pki_issue CA NAME SAN [START END]: $tmp/NAME.key and .crt, CN=NAME; without SAN for a client.
pki_issue()
{
	pki_key "$2"
	openssl req -new -config "$tmp/$1/ca.cnf" -key "$tmp/$2.key" -subj "/CN=$2" \
	    ${3:+-addext "subjectAltName=$3"} -out "$tmp/$2.csr"
	openssl ca -batch -notext -config "$tmp/$1/ca.cnf" -in "$tmp/$2.csr" -out "$tmp/$2.crt" \
	    ${4:+-startdate "$4" -enddate "$5"} 2>"$tmp/openssl.err" || {
		cat "$tmp/openssl.err" >&2
		return 1
	}
}

# pki_revoke CA NAME
pki_revoke()
{
	openssl ca -config "$tmp/$1/ca.cnf" -revoke "$tmp/$2.crt" 2>/dev/null
}

# pki_crl CA FILE [LASTUPDATE NEXTUPDATE]
pki_crl()
{
	openssl ca -config "$tmp/$1/ca.cnf" -gencrl ${3:+-crl_lastupdate "$3" -crl_nextupdate "$4"} \
	    -out "$2" 2>/dev/null
}

# tls_listener NAME PORT SERVER-CERTIFICATE [LINE...]: more of a mosquitto configuration.
tls_listener()
{
	_file=$tmp/$1.conf
	cat >>"$_file" <<-END
		listener $2 10.99.0.1
		cafile $tmp/ca/ca.crt
		certfile $tmp/$3.crt
		keyfile $tmp/$3.key
		allow_anonymous true
	END
	shift 3
	for _line; do
		echo "$_line" >>"$_file"
	done
}
