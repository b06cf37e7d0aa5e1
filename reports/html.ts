/** HTML as values. Whatever is put into a template is escaped unless it is {@link Html} itself: names, logs and rows come from the subject. */

export class Html {
  constructor(readonly text: string) {}
}

type Piece = Html | string | number | null | undefined | false | readonly Piece[];

/** `` html`<td>${value}</td>` ``: lists are joined, null, undefined and false vanish. */
export function html(strings: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  return new Html(strings.reduce((text, part, i) => text + render(pieces[i - 1]) + part));
}

/** Text that is HTML already and holds nothing from outside. */
export function raw(text: string): Html {
  return new Html(text);
}

function render(piece: Piece): string {
  if (piece instanceof Html) return piece.text;
  if (Array.isArray(piece)) return piece.map(render).join('');
  if (piece === null || piece === undefined || piece === false) return '';
  return escapeHtml(String(piece));
}

/** For text and for attributes in double quotes. Control characters, which HTML forbids, become their pictures (U+2400...). */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
    .replace(/[^\P{Cc}\t\n]/gu, (c) => (c < ' ' ? String.fromCharCode(0x2400 + c.charCodeAt(0)) : '\uFFFD'));
}
