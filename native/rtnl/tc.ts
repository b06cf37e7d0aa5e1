/**
 * Traffic control: qdiscs, classes and filters (linux/pkt_sched.h, pkt_cls.h, tc_ematch/tc_em_meta.h). Ids are u32 (major << 16 | minor)
 * throughout; tc(8) prints them unpadded, so their text must never be compared.
 */
import { Builder, bytesAt, eachAttribute, LITTLE, type Message, NLM_F, RTM, textAt, u32At } from './wire.js';

export interface Qdisc {
  readonly index: number;
  readonly handle: number;
  readonly parent: number;
  readonly kind: string;
  /** HTB's default class minor, 0 for none or another kind. */
  readonly defaultClass: number;
}

export interface TcClass {
  readonly index: number;
  readonly handle: number;
  readonly parent: number;
  readonly kind: string;
  /** HTB: bytes a second. 0 for other kinds. */
  readonly rate: number;
  readonly ceil: number;
  readonly priority: number;
}

/** One extended match (linux/pkt_cls.h). `data` follows its header. */
export interface Ematch {
  readonly kind: number;
  /** Bits 0-1 relation to the next (0 end, 1 and, 2 or), 4 inverted. */
  readonly flags: number;
  readonly data: Uint8Array;
}

export interface Filter {
  readonly index: number;
  readonly parent: number;
  /** 0 is the head of a priority, no filter. */
  readonly handle: number;
  readonly priority: number;
  /** ETH_P_*, in host order: 3 is all. */
  readonly protocol: number;
  readonly chain: number;
  readonly kind: string;
  /** Target class; 0 for none, or of a kind that is not known here. */
  readonly classId: number;
  readonly ematches: readonly Ematch[];
  readonly hasActions: boolean;
  /** `basic`: evaluations and hits since it was made; undefined when the kernel does not tell. */
  readonly counts: { readonly evaluated: bigint; readonly hit: bigint } | undefined;
}

export const TC_H_ROOT = 0xffff_ffff;
export const ETH_P_ALL = 3;

const TCA = { KIND: 1, OPTIONS: 2, CHAIN: 11 } as const;
const HTB = { PARMS: 1, INIT: 2, RATE64: 6, CEIL64: 7 } as const;
const BASIC = { CLASSID: 1, EMATCHES: 2, ACT: 3, POLICE: 4, PCNT: 5 } as const;
/** Which option of a filter names its class (linux/pkt_cls.h): a class that any filter points to is not ours to delete. */
const CLASSID_OPTION: Readonly<Record<string, number>> = { basic: BASIC.CLASSID, u32: 1, flower: 1, matchall: 1, fw: 1, route: 1, bpf: 3 };
const EMATCH = { TREE_HDR: 1, TREE_LIST: 2 } as const;
export const EM_KIND_META = 4;
const META = { HDR: 1, LVALUE: 2, RVALUE: 3 } as const;
/** type << 12 | id (linux/tc_ematch/tc_em_meta.h): TYPE_INT 1, ID_RTIIF 15, ID_VALUE 0. */
const META_INT_RTIIF = 0x100f;
const META_INT_VALUE = 0x1000;

interface Header {
  readonly index: number;
  readonly handle: number;
  readonly parent: number;
  readonly info: number;
}

const headerAt = (view: DataView, at: number): Header => ({
  index: view.getInt32(at + 4, LITTLE),
  handle: view.getUint32(at + 8, LITTLE),
  parent: view.getUint32(at + 12, LITTLE),
  info: view.getUint32(at + 16, LITTLE),
});

const ATTRIBUTES = 20;

export function decodeQdisc({ view, start, end }: Message): Qdisc {
  const { index, handle, parent } = headerAt(view, start);
  let [kind, defaultClass] = ['', 0];
  eachAttribute(view, start + ATTRIBUTES, end, (type, at, length) => {
    if (type === TCA.KIND) kind = textAt(view, at, length);
    else if (type === TCA.OPTIONS && kind === 'htb') {
      eachAttribute(view, at, at + length, (option, optionAt) => {
        // struct tc_htb_glob: version, rate2quantum, defcls, debug, direct_pkts.
        if (option === HTB.INIT) defaultClass = view.getUint32(optionAt + 8, LITTLE);
      });
    }
  });
  return { index, handle, parent, kind, defaultClass };
}

export function decodeClass({ view, start, end }: Message): TcClass {
  const { index, handle, parent } = headerAt(view, start);
  let kind = '';
  let [rate, ceil, priority] = [0, 0, 0];
  eachAttribute(view, start + ATTRIBUTES, end, (type, at, length) => {
    if (type === TCA.KIND) kind = textAt(view, at, length);
    else if (type === TCA.OPTIONS && kind === 'htb') {
      eachAttribute(view, at, at + length, (option, optionAt, optionLength) => {
        if (option === HTB.PARMS && optionLength >= 44) {
          // A rate of 2^32 or more stands in RATE64, which comes before or after: never overwrite it with the capped one.
          if (rate === 0) rate = view.getUint32(optionAt + 8, LITTLE);
          if (ceil === 0) ceil = view.getUint32(optionAt + 20, LITTLE);
          priority = view.getUint32(optionAt + 40, LITTLE);
        } else if (option === HTB.RATE64) rate = Number(view.getBigUint64(optionAt, LITTLE));
        else if (option === HTB.CEIL64) ceil = Number(view.getBigUint64(optionAt, LITTLE));
      });
    }
  });
  return { index, handle, parent, kind, rate, ceil, priority };
}

/** info: priority << 16 | protocol in network order. */
const swap16 = (value: number): number => (LITTLE ? ((value & 0xff) << 8) | (value >> 8) : value);

export function decodeFilter({ view, start, end }: Message): Filter {
  const { index, handle, parent, info } = headerAt(view, start);
  let kind = '';
  let [chain, classId, hasActions] = [0, 0, false];
  let counts: Filter['counts'];
  const ematches: Ematch[] = [];
  eachAttribute(view, start + ATTRIBUTES, end, (type, at, length) => {
    if (type === TCA.KIND) kind = textAt(view, at, length);
    else if (type === TCA.CHAIN) chain = u32At(view, at, length);
    else if (type === TCA.OPTIONS) {
      eachAttribute(view, at, at + length, (option, optionAt, optionLength) => {
        if (option === CLASSID_OPTION[kind]) classId = u32At(view, optionAt, optionLength);
        if (kind !== 'basic') return;
        // An ACT without content is what the kernel sends for "no actions".
        if (option === BASIC.ACT || option === BASIC.POLICE) hasActions ||= optionLength > 0;
        else if (option === BASIC.EMATCHES) decodeEmatches(view, optionAt, optionAt + optionLength, ematches);
        else if (option === BASIC.PCNT && optionLength >= 16) {
          counts = { evaluated: view.getBigUint64(optionAt, LITTLE), hit: view.getBigUint64(optionAt + 8, LITTLE) };
        }
      });
    }
  });
  return {
    index,
    parent,
    handle,
    priority: info >>> 16,
    protocol: swap16(info & 0xffff),
    chain,
    kind,
    classId,
    ematches,
    hasActions,
    counts,
  };
}

function decodeEmatches(view: DataView, start: number, end: number, into: Ematch[]): void {
  eachAttribute(view, start, end, (type, at, length) => {
    if (type !== EMATCH.TREE_LIST) return;
    eachAttribute(view, at, at + length, (_position, matchAt, matchLength) => {
      // struct tcf_ematch_hdr: matchid, kind, flags, pad.
      if (matchLength < 8) return;
      into.push({
        kind: view.getUint16(matchAt + 2, LITTLE),
        flags: view.getUint16(matchAt + 4, LITTLE),
        data: bytesAt(view, matchAt + 8, matchLength - 8).slice(),
      });
    });
  });
}

/** The ifindex of `meta(rt_iif eq N)`, written exactly so; undefined for any other match. */
export function rtIifOf(match: Ematch): number | undefined {
  if (match.kind !== EM_KIND_META || match.flags !== 0) return undefined;
  const view = new DataView(match.data.buffer, match.data.byteOffset, match.data.byteLength);
  let [shape, others] = [false, false];
  let value: number | undefined;
  eachAttribute(view, 0, view.byteLength, (type, at, length) => {
    if (type === META.HDR && length === 8) {
      // struct tcf_meta_val {kind u16, shift u8, op u8} for either side; op 0 is EQ.
      shape =
        view.getUint16(at, LITTLE) === META_INT_RTIIF &&
        view.getUint16(at + 2, LITTLE) === 0 &&
        view.getUint16(at + 4, LITTLE) === META_INT_VALUE &&
        view.getUint16(at + 6, LITTLE) === 0;
    } else if (type === META.LVALUE && length === 4) {
      // A mask on rt_iif. tc(8) always sends one; 0 is none (net/sched/em_meta.c, meta_int_apply_extras).
      others ||= view.getUint32(at, LITTLE) !== 0;
    } else if (type === META.RVALUE && length === 4) value = view.getUint32(at, LITTLE);
    else others = true;
  });
  return shape && !others ? value : undefined;
}

const tcHeader = (builder: Builder, index: number, handle: number, parent: number, info: number) =>
  builder.u8(0, 0, 0, 0).u32(index).u32(handle).u32(parent).u32(info);

export function dumpQdiscs(): Uint8Array {
  return tcHeader(new Builder(RTM.GETQDISC), 0, 0, 0, 0).done();
}

/** The kernel filters by interface and, in `parent`, by the major of the qdisc. */
export function dumpClasses(index: number, parent: number): Uint8Array {
  return tcHeader(new Builder(RTM.GETTCLASS), index, 0, parent, 0).done();
}

/** All chains: a filter dump without TCA_CHAIN. Not terse, which would leave out the matches. */
export function dumpFilters(index: number, parent: number): Uint8Array {
  return tcHeader(new Builder(RTM.GETTFILTER), index, 0, parent, 0).done();
}

export function getClass(index: number, handle: number): Uint8Array {
  return tcHeader(new Builder(RTM.GETTCLASS), index, handle, 0, 0).done();
}

export interface ClassSpec {
  readonly index: number;
  readonly handle: number;
  readonly parent: number;
  /** Bytes a second. */
  readonly rate: number;
  readonly ceil: number;
  readonly priority: number;
}

/** A psched tick is 64 ns (net/pkt_sched.h, PSCHED_SHIFT 6). */
const TICKS_PER_SECOND = 1e9 / 64;
/** What tc(8) takes by default: one timer tick's worth plus a full-size packet; HZ 250. */
const HZ = 250;
const MTU = 1600;

/** Adds an HTB class, only if its id is free; `verb` change alters one that exists. */
export function newClass(spec: ClassSpec, verb: 'create' | 'change'): Uint8Array {
  const flags = verb === 'create' ? NLM_F.CREATE | NLM_F.EXCL : 0;
  const builder = tcHeader(new Builder(RTM.NEWTCLASS, flags), spec.index, spec.handle, spec.parent, 0)
    .attributeText(TCA.KIND, 'htb')
    .begin(TCA.OPTIONS);
  const ticks = (rate: number) => Math.min(0xffff_ffff, Math.round(((rate / HZ + MTU) / rate) * TICKS_PER_SECOND));
  builder.begin(HTB.PARMS);
  for (const rate of [spec.rate, spec.ceil]) {
    // struct tc_ratespec: cell_log, linklayer (1 Ethernet, so no rate table is needed), overhead, cell_align, mpu, rate.
    builder.u8(0, 1).u16(0).u16(0).u16(0).u32(Math.min(rate, 0xffff_ffff));
  }
  builder.u32(ticks(spec.rate)).u32(ticks(spec.ceil)).u32(0).u32(0).u32(spec.priority).close();
  if (spec.rate > 0xffff_ffff) builder.begin(HTB.RATE64).u64(BigInt(spec.rate)).close();
  if (spec.ceil > 0xffff_ffff) builder.begin(HTB.CEIL64).u64(BigInt(spec.ceil)).close();
  return builder.close().done();
}

/** Deletes a class and, in the kernel, its leaf qdisc. The qdisc is never deleted first: that would harm a live VM when the id is wrong. */
export function deleteClass(index: number, handle: number): Uint8Array {
  return tcHeader(new Builder(RTM.DELTCLASS, NLM_F.ECHO), index, handle, 0, 0).done();
}

/** A qdisc of a kind that needs no options, such as a class's leaf `fq_codel`. */
export function newQdisc(index: number, handle: number, parent: number, kind: string): Uint8Array {
  return tcHeader(new Builder(RTM.NEWQDISC, NLM_F.CREATE | NLM_F.EXCL), index, handle, parent, 0)
    .attributeText(TCA.KIND, kind)
    .done();
}

/** The root HTB qdisc. */
export function newHtbQdisc(index: number, handle: number, defaultClass: number): Uint8Array {
  return tcHeader(new Builder(RTM.NEWQDISC, NLM_F.CREATE | NLM_F.EXCL), index, handle, TC_H_ROOT, 0)
    .attributeText(TCA.KIND, 'htb')
    .begin(TCA.OPTIONS)
    .begin(HTB.INIT)
    .u32(3)
    .u32(10)
    .u32(defaultClass)
    .u32(0)
    .u32(0)
    .close()
    .close()
    .done();
}

/** What a filter is found by. */
export interface FilterRef {
  readonly index: number;
  readonly parent: number;
  readonly handle: number;
  readonly priority: number;
  readonly protocol: number;
}

const infoOf = (ref: FilterRef) => ((ref.priority << 16) | swap16(ref.protocol)) >>> 0;

export function getFilter(ref: FilterRef): Uint8Array {
  return tcHeader(new Builder(RTM.GETTFILTER), ref.index, ref.handle, ref.parent, infoOf(ref)).attributeText(TCA.KIND, 'basic').done();
}

/** Handles are given out again at once: read the filter before, and compare the echo after. */
export function deleteFilter(ref: FilterRef): Uint8Array {
  return tcHeader(new Builder(RTM.DELTFILTER, NLM_F.ECHO), ref.index, ref.handle, ref.parent, infoOf(ref))
    .attributeText(TCA.KIND, 'basic')
    .done();
}

/** `basic match meta(rt_iif eq IIF) flowid CLASS`; handle 0 lets the kernel choose one. */
export function newFilter(ref: FilterRef, classId: number, rtIif: number): Uint8Array {
  return tcHeader(new Builder(RTM.NEWTFILTER, NLM_F.CREATE | NLM_F.EXCL | NLM_F.ECHO), ref.index, ref.handle, ref.parent, infoOf(ref))
    .attributeText(TCA.KIND, 'basic')
    .begin(TCA.OPTIONS)
    .begin(BASIC.EMATCHES)
    .begin(EMATCH.TREE_HDR)
    .u16(1)
    .u16(0)
    .close()
    .begin(EMATCH.TREE_LIST)
    .begin(1)
    .u16(0)
    .u16(EM_KIND_META)
    .u16(0)
    .u16(0)
    .raw(metaRtIif(rtIif))
    .close()
    .close()
    .close()
    .attributeU32(BASIC.CLASSID, classId)
    .close()
    .done();
}

/** Makes what the echo of a deletion (RTM_DELTFILTER) tells of again, of whatever kind: handle, place and options, without its counters. */
export function restoreFilter({ view, start, end }: Message): Uint8Array {
  const { index, handle, parent, info } = headerAt(view, start);
  const builder = tcHeader(new Builder(RTM.NEWTFILTER, NLM_F.CREATE | NLM_F.EXCL), index, handle, parent, info);
  eachAttribute(view, start + ATTRIBUTES, end, (type, at, length) => {
    if (type === TCA.KIND || type === TCA.OPTIONS || type === TCA.CHAIN) builder.attribute(type, bytesAt(view, at, length));
  });
  return builder.done();
}

function metaRtIif(index: number): Uint8Array {
  return new Builder(0)
    .begin(META.HDR)
    .u16(META_INT_RTIIF)
    .u16(0)
    .u16(META_INT_VALUE)
    .u16(0)
    .close()
    .attributeU32(META.RVALUE, index)
    .done()
    .slice(16);
}
