// An SMSC by node-smpp. Prints one JSON object a line: {port}, then each submit_sm as node-smpp read it, then each
// answer to a receipt. The last digit of the destination says what becomes of a message; see `fates`.
import smpp from 'smpp';

const say = (object) => process.stdout.write(JSON.stringify(object) + '\n');
const text = (id) => `id:${id} sub:001 dlvrd:001 submit date:2611211200 done date:2611211201 stat:DELIVRD err:000 text:`;
const hex = (buffer) => Buffer.from(buffer).toString('hex');
let last = 0;

const fates = {
  0: (id, ends) => ['deliver_sm', { ...ends, short_message: text(id) }],
  1: (id, ends) => ['deliver_sm', { ...ends, receipted_message_id: id, message_state: 2 }],
  2: (id, ends) => ['deliver_sm', { ...ends, data_coding: 8, short_message: text(id) }],
  3: (id, ends) => ['deliver_sm', { ...ends, message_payload: text(id) }],
  4: (id, ends) => ['data_sm', { ...ends, message_payload: text(id) }],
  5: (id, ends, pdu) => ['deliver_sm', { ...ends, short_message: 'stat:DELIVRD', user_message_reference: pdu.user_message_reference }],
};

const server = smpp.createServer({}, (session) => {
  session.on('error', () => {});
  session.on('bind_transceiver', (pdu) => {
    const known = pdu.system_id === 'klaroen' && pdu.password === 'longer than eight octets';
    session.send(pdu.response({ command_status: known ? 0 : smpp.ESME_RINVPASWD, system_id: 'node-smpp' }));
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => {
    session.send(pdu.response());
    say({ unbind: true });
  });
  session.on('submit_sm', (pdu) => {
    const { message = '', udh = [] } = pdu.short_message;
    say({
      source: [pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr],
      destination: [pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr],
      esm_class: pdu.esm_class,
      data_coding: pdu.data_coding,
      registered_delivery: pdu.registered_delivery,
      validity_period: pdu.validity_period,
      message,
      payload: pdu.message_payload ? pdu.message_payload.message : undefined,
      udh: udh.map(hex),
      reference: pdu.user_message_reference,
      sar: [pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum],
    });
    const fate = pdu.destination_addr.slice(-1);
    if (fate === '9') {
      session.send(pdu.response({ command_status: smpp.ESME_RINVDSTADR }));
      return;
    }
    const id = `m${(last += 1)}`;
    const receipt = () => {
      const ends = { source_addr_ton: 1, source_addr_npi: 1, source_addr: pdu.destination_addr, esm_class: 4 };
      const [command, fields] = fates[fate](id, ends, pdu);
      session[command](fields, (answer) => say({ answered: answer.command, status: answer.command_status }));
    };
    if (fate === '0') receipt(); // before its response: receipts may overtake
    session.send(pdu.response({ message_id: id }));
    if (fate !== '0') receipt();
  });
});
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
process.stdin.on('end', () => process.exit(0)).resume();
