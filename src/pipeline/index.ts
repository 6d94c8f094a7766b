/**
 * Pipeline: combines several policies around one operation.
 *
 * Use it wherever more than one policy guards the same call. Create one pipeline for each dependency and keep it:
 * breakers, budgets and bulkheads know only the calls that have passed through them.
 *
 * Cost: the cost of its members.
 *
 * @module
 */
export {
  type AssertNoWarningsOptions,
  assertNoWarnings,
  type Explainable,
  type Explanation,
  explain,
  type Warning,
  type WarningCode,
} from './explain.js';
export { type AddsOf, type Pipeline, type PipelineEvent, type PipelineEvents, pipeline } from './pipeline.js';
