/**
 * Pipeline: several policies around one operation.
 *
 * Use it wherever more than one policy guards the same call. Make one for each dependency and keep it: breakers, budgets
 * and bulkheads only know what has passed through them.
 *
 * Cost: that of its members.
 *
 * @module
 */
export { type Explanation, explain, type Warning, type WarningCode } from './explain.js';
export { type AddsOf, type Pipeline, type PipelineEvent, type PipelineEvents, pipeline } from './pipeline.js';
