// The textbook's mail server: knows its users, sends on for those it trusts, puts mail for its users into Maildirs.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const words = (name) => (process.env[name] || '').split(' ').filter(Boolean);
const domain = process.env.TESTBED_DOMAIN.toLowerCase();
const boxes = process.env.TESTBED_MAILBOXES;
const trusted = process.env.TESTBED_ROLE === 'relay' ? words('TESTBED_TRUSTED') : [];
const users = new Map(words('TESTBED_USERS').map((user) => [user.toLowerCase(), user]));
for (const alias of words('TESTBED_ALIASES')) users.set(alias.split('=')[0].toLowerCase(), alias.split('=')[1]);
let count = 0;

const ours = (address) => address.host.toLowerCase() === domain;

exports.hook_connect = (next, connection) => {
  if (trusted.includes(connection.remote.ip)) connection.relaying = true;
  next();
};

exports.hook_rcpt = (next, connection, [address]) => {
  if (!ours(address)) return connection.relaying ? next(OK) : next(DENY, 'relaying denied');
  return users.has(address.user.toLowerCase()) ? next(OK) : next(DENY, 'no such user');
};

function store(user, octets) {
  const box = path.join(boxes, user);
  for (const folder of ['cur', 'new', 'tmp']) fs.mkdirSync(path.join(box, folder), { recursive: true });
  const name = `${Date.now()}.${process.pid}_${++count}.haraka`;
  fs.writeFileSync(path.join(box, 'tmp', name), octets);
  fs.renameSync(path.join(box, 'tmp', name), path.join(box, 'new', name));
}

// Recipients of its own get theirs at once; what is left for others goes on.
exports.hook_queue = exports.hook_queue_outbound = (next, connection) => {
  const transaction = connection.transaction;
  const here = transaction.rcpt_to.filter(ours);
  if (!here.length) return next();
  transaction.message_stream.get_data((octets) => {
    for (const user of new Set(here.map((to) => users.get(to.user.toLowerCase())))) if (user) store(user, octets);
    transaction.rcpt_to = transaction.rcpt_to.filter((to) => !ours(to));
    next(...(transaction.rcpt_to.length ? [] : [OK]));
  });
};
