/** Files and pictures of the computer that are dropped or pasted into a message. */
import { IAttached } from '../workbench';

const LARGEST = 160 * 1024; // bytes: a prompt may have 256 kB, and base64 is a third longer
const TEXT = /^(text\/|application\/(json|xml|x-ipynb\+json|javascript|x-yaml|toml))|^$/;

export async function dropped(data: DataTransfer): Promise<IAttached[]> {
  const files = [...data.files];
  return (await Promise.all(files.map(attached))).filter(one => one !== null);
}

async function attached(file: File): Promise<IAttached | null> {
  const { name, type, size } = file;
  if (size > LARGEST) {
    const value = `(${size} bytes: too large to be sent; put it beside the notebook)`;
    return { name, context: { description: `The file ${name}`, value } };
  }
  if (type.startsWith('image/')) {
    return { name, image: await dataUrl(file) };
  }
  if (!TEXT.test(type)) {
    return null;
  }
  return { name, context: { description: `The file ${name}`, value: await file.text() } };
}

function dataUrl(file: File): Promise<string> {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result as string); // of readAsDataURL
    reader.onerror = () => failed(reader.error ?? new Error('unreadable'));
    reader.readAsDataURL(file);
  });
}
