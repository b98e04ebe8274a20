import { render } from 'preact';
import { App } from './app.tsx';
import { followTheAddress } from './state/router.ts';
import { openSession } from './state/session.ts';
import { applyTheme } from './state/theme.ts';

const root = document.getElementById('app');
if (root === null) throw new Error('index.html has no #app');
applyTheme();
followTheAddress();
void openSession();
render(<App />, root);
