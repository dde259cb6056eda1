// tedious with the configuration that the config document gave, as it came: JSON on standard input, the database's name on standard output.

import { readFileSync } from 'node:fs';
import { Connection, Request } from 'tedious';

const connection = new Connection(JSON.parse(readFileSync(0, 'utf8')));
connection.on('error', () => {});
connection.connect((error) => {
  if (error) throw error;
  const request = new Request('SELECT DB_NAME()', (failed) => {
    if (failed) throw failed;
    connection.close();
  });
  request.on('row', ([column]) => console.log(column.value));
  connection.execSql(request);
});
