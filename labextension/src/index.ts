/** The plugins of the extension. */
// Both are small; what they draw is loaded when it is first shown.

import output from './mime/index';
import panel from './panel/index';

export default [output, panel];
