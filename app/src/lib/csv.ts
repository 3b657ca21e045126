// Comma-separated values (RFC 4180). Pure.

type Cell = string | number | null;

/**
 * Writes rows as a file for spreadsheets. A text that a spreadsheet would take for a formula
 * gets an apostrophe in front, for names come from people.
 */
export function csv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => row.map(cell).join(',') + '\r\n').join('');
}

function cell(value: Cell): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
