// The licences of what a bundle holds: every package of it, with the whole text, in the form that jupyter-builder writes.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const PACKAGE = /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//;
const LICENCE = /^(licen[cs]e|copying)(\.(md|txt|mit|apache2))?$/i;

/** The notices for the inputs of esbuild's metafile; paths in it are below `root`. A package without its text fails. */
export async function notices(metafile, root = '.') {
  const folders = new Map();
  for (const input of Object.keys(metafile.inputs)) {
    const found = PACKAGE.exec(input);
    if (found !== null) {
      folders.set(found[1], found[2]);
    }
  }
  const packages = await Promise.all(
    [...folders].map(([folder, name]) => noticeOf(join(root, folder), name))
  );
  return { packages: packages.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

async function noticeOf(folder, name) {
  const { version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const file = (await readdir(folder)).sort().find(entry => LICENCE.test(entry));
  if (file === undefined || typeof license !== 'string') {
    throw new Error(`the bundle holds ${name}, which has no licence text in ${folder}`);
  }
  const extractedText = await readFile(join(folder, file), 'utf8');
  return { name, versionInfo: version, licenseId: license, extractedText };
}
