/** Tables that spreadsheets read. */

/** A cell as spreadsheets read it; a leading sign would make them take a file's name for a formula. @param {string | number} value */
function cell(value) {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A line of CSV (RFC 4180). @param {(string | number)[]} values */
export const csvLine = values => `${values.map(cell).join(',')}\r\n`;
