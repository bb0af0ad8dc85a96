# The command line.
#
# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154 # the parts share their variables

usage()
{
	cat <<-'END'
		Usage: mqtt-vpn-pki [-D DIR] COMMAND [ARGUMENT]...
		Certificates for the nodes of a VPN over MQTT, and a broker that only they may use.

		Commands:
		  init [--KEY VALUE]...        make a CA and the secret of a network
		  server NAME...               a certificate for the broker, for these names and addresses
		  node NAME [OPTION]...        a node: certificate, key and its whole configuration
		  request NAME                 on a node: make a key here, print a request for "node"
		  revoke NAME                  lock a node out
		  crl                          make the list of revoked certificates anew
		  renew [--within DAYS]        renew what ends soon
		  list                         what ends when
		  check [--within DAYS]        is all in order? Status 1 if not
		  broker mosquitto [OPTION]... make configuration, ACL and passwords of the broker
		  broker apply [--from FILE]   install them on this host, and reload
		  broker verify [NODE]...      prove that the running broker is safe

		Options:
		  -D DIR  where the CA is (/etc/mqtt-vpn-pki)
		  -V      version
		  -h      this text

		See mqtt-vpn-pki(8) for the options of each command: man mqtt-vpn-pki
	END
}

while getopts D:Vh option; do
	case $option in
	D) pki=$OPTARG ;;
	V)
		echo "mqtt-vpn-pki $version"
		exit 0
		;;
	h)
		usage
		exit 0
		;;
	*) misused "an option is wrong" ;;
	esac
done
shift $((OPTIND - 1))
case $pki in
/*) ;;
*) pki=$PWD/$pki ;;
esac
case $pki in
*[!A-Za-z0-9_./-]*) die "-D: '$pki': expected letters, digits and '_.-/'" ;;
esac
[ $# -gt 0 ] || {
	usage >&2
	exit 2
}
command=$1
shift
case $command in
init | server | node | request | revoke | crl | renew | list | check | broker) "run_$command" "$@" ;;
help) usage ;;
*) misused "unknown command '$command'" ;;
esac
case $command in
help | request) ;;
*) [ "$did_something" = yes ] || echo "nothing to do: all is as it should be" ;;
esac
