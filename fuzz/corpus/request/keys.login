{"jsonrpc":"2.0","id":13,"method":"keys","params":{"slot_id":1,"login":true}}
