import fc from 'fast-check';

/** A setup file: properties are tried with the same cases each time. */
fc.configureGlobal({ seed: 1 });
