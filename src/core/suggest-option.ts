import { LONGEST_TEXT } from './inspect.js';

/**
 * Names of options in other libraries, in lower case and without separators, with the names of this package that mean
 * the same: `theirs,theirs:ours,ours`. The first of our names that the object knows is suggested. A name without any of
 * ours is never suggested anything: it has no counterpart, or means something else there.
 *
 * From opossum, cockatiel, resilience4j, Polly, failsafe, Hystrix, p-retry, p-limit, p-timeout, async, got, ky, axios-retry,
 * lru-cache, quick-lru, node-cache, cache-manager, bentocache, bottleneck, limiter, rate-limiter-flexible,
 * express-rate-limit, consistent-hash.
 */
// cspell:disable
const ALIASES =
  'retries,maxretries,maxretry,retrycount,retrylimit,maxretryattempts,attempts,numofattempts,maxtries,tries,times:maxAttempts,retry ' +
  'shouldretry,retryif,retryon,retrycondition,retrypredicate,shouldhandle,handle,handleresult,statuscodes,errorfilter,isfailure,recordexceptions,ignoreexceptions,recordfailurepredicate,validateresponse:classify ' +
  'delay,mintimeout,retrydelay,waitduration,startingdelay,initialdelay,basedelay,initialinterval,delaytype:initial,backoff ' +
  'maxtimeout,maxdelay,backofflimit,maxinterval,maxbackoff:max,backoff ' +
  'factor,multiplier,backoffmultiplier,exponent,timemultiple,exponentialbackoffmultiplier:factor,backoff ' +
  'randomize,usejitter,randomizationfactor,randomizedwaitfactor:jitter,backoff ' +
  'maxretrytime,maxelapsedtime,maxduration:maxElapsed ' +
  'threshold,failurethreshold,errorthresholdpercentage,errorthreshold,failureratio,failurepercentage,failurethresholdpercentage:failureRateThreshold ' +
  'resettimeout,halfopenafter,breakduration,durationofbreak,waitdurationinopenstate,cooldown,resetafter,sleepwindow:openFor ' +
  'volumethreshold,requestvolumethreshold,minimumthroughput,minimumnumberofcalls,minimumrps,minrequests:minimumCalls ' +
  'rollingcounttimeout,samplingduration,slidingwindow,slidingwindowsize,rollingwindow,windowsize,windowms,windowduration:window,per ' +
  'permittednumberofcallsinhalfopenstate,successthreshold,halfopenmaxcalls:probes,halfOpen ' +
  'slowcalldurationthreshold:slowCallDuration ' +
  'concurrency,concurrent,maxconcurrency,maxconcurrentcalls,maxparallelization,parallelism,maxparallel,permits,slots:maxConcurrent,concurrency,bulkhead ' +
  'queuesize,queuelimit,maxqueuesize,maxqueueingactions,queuelength,queuecapacity,highwater:maxQueue,maxPending ' +
  'maxwaitduration,maxwaittime,acquiretimeout,waittimeout:queueTimeout,maxWait ' +
  'timeoutduration:maxWait,duration timeout,timeoutms,milliseconds,ms:timeout,duration ' +
  'points,reservoir,limitforperiod,maxrequests:limit,capacity,refill tokensperinterval,fillrate,refillrate,reservoirrefreshamount:refill,limit,leak ' +
  'interval,refillinterval,refillperiod,reservoirrefreshinterval,limitrefreshperiod:per duration:window,per ' +
  'burst,bucketsize,burstcapacity,burstsize:capacity ' +
  'max:capacity,limit,maxKeys maxentries,maxitems,maxelements:capacity size:capacity maxsize,maxcachesize:maxWeight,maxBytes,maxKeys ' +
  'maxage,stdttl,ttlms,expires,expiresin,timetolive,expireafterwrite:ttl updateageonget,expireafteraccess:touchOnGet,idleFor ' +
  'sizecalculation,calculatesize,weigher,lengthfn:weigh checkperiod,checkinterval,cleanupinterval,ttlautopurge:purgeEvery ' +
  'fetchmethod,loader,fetcher,cacheloader:load grace,graceperiod,staleiferrorttl:staleIfError swr,allowstale,refreshthreshold,refreshafterwrite:staleWhileRevalidate ' +
  'replicas,vnodes,virtualnodecount:virtualNodes keygenerator:key breaker:circuitBreaker ' +
  'strategy,algorithm,picker,policyname:pick healthcheck,healthchecks:health outlierdetection:outlier ' +
  'onretry,onfailedattempt,onbreak,onevict,dispose,oneviction,fallback,cache,enabled,rollingcountbuckets,mintime,expiration,blockduration,keyprefix,headers,baseurl,prefixurl:';
// cspell:enable

let counterparts: Map<string, readonly string[]> | undefined;

/** Returns our names for a foreign one; undefined if the name is not in the table. */
function counterpartsOf(name: string): readonly string[] | undefined {
  counterparts ??= new Map(
    ALIASES.split(' ').flatMap((entry) => {
      const [theirs = '', ours = ''] = entry.split(':');
      return theirs.split(',').map((one) => [one, ours === '' ? [] : ours.split(',')] as const);
    }),
  );
  return counterparts.get(name);
}

/**
 * Returns the known name that the caller of an unknown option is likely to have meant; undefined if no name is likely. A
 * wrong suggestion is worse than none.
 */
export function suggestOption(given: string, known: readonly string[]): string | undefined {
  if (given.length > LONGEST_TEXT) return undefined;
  const name = normalize(given);
  const same = known.find((one) => normalize(one) === name);
  if (same !== undefined) return same;
  const foreign = counterpartsOf(name);
  if (foreign !== undefined) return foreign.find((one) => known.includes(one));
  return misspelt(name, known) ?? only(known.filter((one) => isPartOf(name, one)));
}

const normalize = (name: string): string => name.toLowerCase().replace(/[-_.\s]/g, '');

/** Returns the known name with the fewest typing mistakes; undefined if two names have equally few, or all too many. */
function misspelt(name: string, known: readonly string[]): string | undefined {
  const distances = known.map((one) => [typingMistakes(name, normalize(one)), one] as const);
  const least = Math.min(...distances.map(([distance]) => distance));
  // One mistake in a short word, one more for each six letters: unrelated words differ in more.
  if (name.length < 3 || least > Math.floor(name.length / 6) + 1) return undefined;
  const nearest = distances.filter(([distance]) => distance === least);
  return nearest.length === 1 ? nearest[0]?.[1] : undefined;
}

/** The units that other libraries append to the names of durations. */
const UNIT = /(?:(?:in)?ms|millis|milliseconds|seconds|secs?)$/;

/**
 * Whether a name is the beginning of a known one (`staleIfErr`), its last word (`penalty` for `errorPenalty`), or
 * a known name with a unit (`ttlMs`).
 */
function isPartOf(name: string, known: string): boolean {
  const whole = normalize(known);
  if (name.length >= 3 && whole.startsWith(name)) return true;
  if (name.replace(UNIT, '') === whole) return true;
  const lastWord = known.replace(/^.*(?=[A-Z])/, '').toLowerCase();
  return name.length >= 4 && lastWord === name && lastWord !== whole;
}

const only = (names: readonly string[]): string | undefined => (names.length === 1 ? names[0] : undefined);

/**
 * The optimal string alignment distance, computed one row at a time: the number of letters that are missing, added or
 * replaced, and of neighbours that are swapped.
 */
function typingMistakes(given: string, known: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: known.length + 1 }, (_, column) => column);
  for (let i = 1; i <= given.length; i++) {
    const row = [i];
    for (let j = 1; j <= known.length; j++) {
      const replaced = (previous[j - 1] as number) + (given[i - 1] === known[j - 1] ? 0 : 1);
      let least = Math.min(replaced, (previous[j] as number) + 1, (row[j - 1] as number) + 1);
      if (i > 1 && j > 1 && given[i - 1] === known[j - 2] && given[i - 2] === known[j - 1]) {
        least = Math.min(least, (beforePrevious[j - 2] as number) + 1);
      }
      row.push(least);
    }
    [beforePrevious, previous] = [previous, row];
  }
  return previous[known.length] as number;
}
