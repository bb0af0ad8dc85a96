// An MQTT broker made of the npm package aedes, for tests/brokers_aedes.sh:
// node aedes_broker.js DIR ADDRESS [LIMIT]; DIR/node_modules has the package, LIMIT is the largest
// payload that it takes. User "node" may do everything, "denied" may connect and nothing else.
//
// SPDX-License-Identifier: ISC
'use strict';

const { createRequire } = require('module');
const net = require('net');
const path = require('path');
const { pathToFileURL } = require('url');

const [dir, address, limit] = process.argv.slice(2);
const options = {
	authenticate: (client, username, password, done) => {
		client.user = username;
		done(null, Boolean(password) && username === password.toString());
	},
	authorizePublish: (client, packet, done) => {
		if (client.user === 'denied')
			done(new Error('not allowed to publish'));
		else if (limit && packet.payload.length > Number(limit))
			done(new Error(`${packet.payload.length} bytes are too many`));
		else
			done(null);
	},
	authorizeSubscribe: (client, subscription, done) => {
		done(null, client.user === 'denied' ? null : subscription);
	},
};

async function main() {
	const found = createRequire(path.join(path.resolve(dir), 'here.js')).resolve('aedes');
	const { Aedes, default: create } = await import(pathToFileURL(found));
	// Up to 0.51 for Node.js 16 and 18; from 1 on for 20.
	const broker = Aedes && Aedes.createBroker ? await Aedes.createBroker(options) : create(options);
	const server = net.createServer((socket) => {
		socket.setNoDelay(true);
		broker.handle(socket);
	});

	broker.on('clientError', (client, error) => console.log(`${client.id}: ${error.message}`));
	server.listen(1883, address, () => console.log('listening'));
}

main();
