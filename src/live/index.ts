export { attachLive, type Live, type LiveDeps } from './attach-live.ts';
