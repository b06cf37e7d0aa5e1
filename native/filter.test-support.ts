/**
 * Filter expressions as trees, for tests: what one means by itself (a second opinion, made without looking at the compiler), and how it may be
 * written.
 */
import fc from 'fast-check';

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';
/** An address as numbers: 4 or 16 bytes. */
export type Address = readonly number[];
export type Expression =
  | { readonly kind: 'not'; readonly part: Expression }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Expression[] }
  | { readonly kind: 'port'; readonly side: 's' | 'd'; readonly compare: Comparison; readonly port: number }
  | { readonly kind: 'host'; readonly side: 's' | 'd'; readonly unequal: boolean; readonly host: Host }
  | { readonly kind: 'dev'; readonly unequal: boolean; readonly index: number }
  | { readonly kind: 'mark'; readonly unequal: boolean; readonly mark: number; readonly mask?: number }
  | { readonly kind: 'cgroup'; readonly unequal: boolean; readonly id: bigint };
export interface Host {
  readonly family?: 4 | 6;
  readonly address?: Address;
  readonly prefix?: number;
  readonly port?: number;
}

export interface Subject {
  /** 4 or 16 bytes each, as the family of the socket is. */
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly interface: number;
  readonly mark: number;
  readonly cgroup: bigint;
}

const MAPPED: Address = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const bits = (address: Address) => address.map((byte) => byte.toString(2).padStart(8, '0')).join('');

function hostHolds({ family, address, prefix, port }: Host, at: Address, atPort: number): boolean {
  if (port !== undefined && port !== atPort) return false;
  const wanted = family ?? (address === undefined ? undefined : address.length === 4 ? 4 : 6);
  if (wanted === undefined) return true;
  const mapped = at.length === 16 && MAPPED.every((byte, i) => at[i] === byte);
  // An IPv4 condition means the connection, also when a dual-stack socket carries it; an IPv6 one means the socket.
  const seen = wanted === 4 ? (at.length === 4 ? at : mapped ? at.slice(12) : undefined) : at.length === 16 ? at : undefined;
  if (seen === undefined) return false;
  if (address === undefined) return true;
  const length = prefix ?? 8 * address.length;
  return bits(seen).slice(0, length) === bits(address).slice(0, length);
}

export function holds(expression: Expression, subject: Subject): boolean {
  switch (expression.kind) {
    case 'not':
      return !holds(expression.part, subject);
    case 'and':
      return expression.parts.every((part) => holds(part, subject));
    case 'or':
      return expression.parts.some((part) => holds(part, subject));
    case 'port': {
      const port = expression.side === 's' ? subject.sourcePort : subject.destinationPort;
      const difference = port - expression.port;
      const truth = {
        '=': difference === 0,
        '!=': difference !== 0,
        '<': difference < 0,
        '<=': difference <= 0,
        '>': difference > 0,
        '>=': difference >= 0,
      };
      return truth[expression.compare];
    }
    case 'host': {
      const source = expression.side === 's';
      const at = source ? subject.source : subject.destination;
      return hostHolds(expression.host, at, source ? subject.sourcePort : subject.destinationPort) !== expression.unequal;
    }
    case 'dev':
      return (subject.interface === expression.index) !== expression.unequal;
    case 'mark': {
      const masked = (subject.mark & (expression.mask ?? 0xffff_ffff)) >>> 0;
      return (masked === expression.mark) !== expression.unequal;
    }
    case 'cgroup':
      return (subject.cgroup === expression.id) !== expression.unequal;
  }
}

/** One way to write an expression; `choose(n)` picks among n spellings. */
export function write(expression: Expression, choose: (count: number) => number): string {
  const one = (...ways: readonly string[]) => ways[choose(ways.length)] as string;
  const gap = () => one(' ', ' ', '  ', '\t', '\n');
  const equality = (unequal: boolean) => (unequal ? one(' != ', '!=', ' ne ', ' neq ') : one(' = ', ' ', '=', '==', ' eq '));
  // Or binds least, then and, then not: parentheses where needed, and sometimes where not.
  const level = { or: 0, and: 1, not: 2, port: 3, host: 3, dev: 3, mark: 3, cgroup: 3 };
  const nested = (part: Expression, least: number): string => {
    const text = write(part, choose);
    return level[part.kind] < least || choose(6) === 0 ? `(${one('', ' ')}${text}${one('', ' ')})` : text;
  };
  switch (expression.kind) {
    case 'not':
      return `${one('not ', '! ', '!')}${nested(expression.part, 2)}`;
    case 'and':
      return expression.parts.map((part) => nested(part, 2)).reduce((left, right) => `${left}${one(' and ', ' & ', '&&', gap())}${right}`);
    case 'or':
      return expression.parts.map((part) => nested(part, 1)).reduce((left, right) => `${left}${one(' or ', '|', ' || ')}${right}`);
    case 'port': {
      const words = { '=': 'eq', '!=': 'ne', '<': 'lt', '<=': 'le', '>': 'gt', '>=': 'ge' } as const;
      return `${expression.side}port${one(expression.compare, ` ${expression.compare} `, ` ${words[expression.compare]} `)}${one(':', '')}${expression.port}`;
    }
    case 'host': {
      const { family, address, prefix, port } = expression.host;
      const end = prefix === undefined ? '' : `/${prefix}`;
      const text =
        address === undefined
          ? port === undefined
            ? '*'
            : one('*', '')
          : address.length === 4
            ? `${address.join('.')}${end}`
            : one(`[${hex(address)}${end}]`, `[${hex(address)}]${end}`);
      return `${expression.side === 's' ? 'src' : 'dst'}${equality(expression.unequal)}${
        family === undefined ? '' : family === 4 ? 'inet:' : 'inet6:'
      }${text}${port === undefined ? one('', text === '' ? '' : ':*') : `:${port}`}`;
    }
    case 'dev':
      return `dev${equality(expression.unequal)}${expression.index}`;
    case 'mark': {
      const number = (value: number) => one(String(value), `0x${value.toString(16)}`, `0X${value.toString(16).toUpperCase()}`);
      return `${one('fwmark', 'mark')}${equality(expression.unequal)}${number(expression.mark)}${
        expression.mask === undefined ? '' : `/${number(expression.mask)}`
      }`;
    }
    case 'cgroup':
      return `cgroup${equality(expression.unequal)}${expression.id}`;
  }
}

/** The one way that ss 6.1 reads as its manual says: every operator and parenthesis on its own, nothing left to precedence. */
export function writeForSs(expression: Expression): readonly string[] {
  switch (expression.kind) {
    case 'not':
      return ['!', '(', ...writeForSs(expression.part), ')'];
    case 'and':
    case 'or':
      return expression.parts.flatMap((part, index) => [...(index === 0 ? [] : [expression.kind]), '(', ...writeForSs(part), ')']);
    default:
      return write(expression, () => 0)
        .replace(/(port)([!<>=]+)/, '$1 $2 ')
        .split(' ')
        .filter((word) => word !== '');
  }
}

const hex = (address: Address) =>
  Array.from({ length: 8 }, (_, i) => (((address[2 * i] as number) << 8) | (address[2 * i + 1] as number)).toString(16)).join(':');

/** Few values, so that conditions and sockets meet. */
export interface Values {
  readonly addresses: readonly Address[];
  readonly ports: readonly number[];
  /** Predicates to use. */
  readonly kinds: readonly Exclude<Expression['kind'], 'not' | 'and' | 'or'>[];
  /**
   * Only what ss 6.1 means as well: it has no != for src and dst, and takes a family (`inet:*`) for one of the whole dump, not for a condition.
   */
  readonly asSs: boolean;
}

export function expressions({ addresses, ports, kinds, asSs }: Values): fc.Arbitrary<Expression> {
  const side = fc.constantFrom('s' as const, 'd' as const);
  const port = fc.constantFrom(...ports);
  const address = fc
    .constantFrom(...addresses)
    .chain((known) =>
      fc.record({ address: fc.constant(known), prefix: fc.integer({ min: 0, max: 8 * known.length }) }, { requiredKeys: ['address'] }),
    );
  const family = fc
    .tuple(fc.constantFrom(4 as const, 6 as const), fc.option(port))
    .map(([wanted, at]) => ({ family: wanted, ...(at === null ? {} : { port: at }) }));
  const host: fc.Arbitrary<Host> = fc.oneof(
    fc.tuple(address, fc.option(port)).map(([part, at]) => ({ ...part, ...(at === null ? {} : { port: at }) })),
    port.map((at) => ({ port: at })),
    ...(asSs ? [] : [family]),
    fc.constant({}),
  );
  const predicates = {
    port: fc.record({
      kind: fc.constant('port' as const),
      side,
      compare: fc.constantFrom('=', '!=', '<', '<=', '>', '>=') as fc.Arbitrary<Comparison>,
      port,
    }),
    host: fc.record({ kind: fc.constant('host' as const), side, unequal: asSs ? fc.constant(false) : fc.boolean(), host }),
    dev: fc.record({ kind: fc.constant('dev' as const), unequal: fc.boolean(), index: fc.constantFrom(0, 1, 2) }),
    mark: fc.record(
      {
        kind: fc.constant('mark' as const),
        unequal: fc.boolean(),
        mark: fc.constantFrom(0, 1, 2, 3, 0xffff_ffff),
        mask: fc.constantFrom(0, 1, 3, 0xffff_ffff),
      },
      { requiredKeys: ['kind', 'unequal', 'mark'] },
    ),
    cgroup: fc.record({ kind: fc.constant('cgroup' as const), unequal: fc.boolean(), id: fc.constantFrom(1n, 0xffff_ffff_ffff_ffffn) }),
  };
  return fc.letrec<{ tree: Expression }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.oneof(...kinds.map((kind) => predicates[kind] as fc.Arbitrary<Expression>)),
      fc.record({ kind: fc.constant('not' as const), part: tie('tree') }),
      fc.record({ kind: fc.constantFrom('and' as const, 'or' as const), parts: fc.array(tie('tree'), { minLength: 2, maxLength: 4 }) }),
    ),
  })).tree;
}
