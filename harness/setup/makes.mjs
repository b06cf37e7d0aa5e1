/** What make(1) builds, by folder below native/. `mutants` are subjects for the harness's own tests; a release has none. */
export const MAKES = [
  { folder: '.', targets: ['all'], forTests: ['mutants'] },
  { folder: 'rtnl', targets: ['all'], forTests: [] },
  { folder: 'load', targets: ['all'], forTests: [] },
  { folder: 'reference', targets: ['all'], forTests: [] },
  { folder: 'readers', targets: ['all'], forTests: [] },
];
