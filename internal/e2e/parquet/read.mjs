// Prints the rows of a Parquet file as JSON.
import { readFile } from 'node:fs/promises'
import { parquetReadObjects } from 'hyparquet'

const bytes = await readFile(process.argv[2])
const rows = await parquetReadObjects({ file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) })
console.log(JSON.stringify(rows))
