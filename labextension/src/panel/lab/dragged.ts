/** What JupyterLab lets one drag: cells of a notebook, files of the file browser. */
import type { MimeData } from '@lumino/coreutils';
import { joined } from '../../core/text/joined';
import { IAttached, IWorkbench } from '../workbench';

const CELLS = 'application/vnd.jupyter.cells';
const FILES = 'application/x-jupyter-icontents';

interface ICellData {
  cell_type: string;
  source: string | string[];
}

export function isDroppable(data: MimeData): boolean {
  return data.hasData(CELLS) || data.hasData(FILES);
}

export async function attachedOf(data: MimeData, workbench: IWorkbench): Promise<IAttached[]> {
  const cells = (data.getData(CELLS) as ICellData[] | undefined) ?? [];
  const paths = (data.getData(FILES) as string[] | undefined) ?? [];
  const files = await Promise.all(
    paths.map(async path => ({ path, context: await workbench.resolve(`file:/${path}`) }))
  );
  return [
    ...cells.map(attachedCell),
    ...files.flatMap(({ path, context }) => (context ? [{ name: path, context }] : []))
  ];
}

function attachedCell(cell: ICellData): IAttached {
  const source = joined(cell.source);
  const name = source.trim().split('\n', 1)[0].slice(0, 40);
  return {
    name,
    context: { description: `A ${cell.cell_type} cell of the notebook`, value: source }
  };
}
