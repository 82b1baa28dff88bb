/** Address of a module that a thread is to load: `.ts` in the clone, `.js` after the build, like the module that asks. */
export const moduleBeside = (askingModuleUrl: string, path: string): URL =>
  new URL(path + askingModuleUrl.slice(askingModuleUrl.lastIndexOf('.')), askingModuleUrl);
