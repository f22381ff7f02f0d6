import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** What stands for a value that is known at run time only. */
const HOLE = '…';

/** A message of the program, with holes where values stand. */
export interface Message {
  /** `src/app/x.ts:12` */
  readonly at: string;
  readonly text: string;
}

/** Errors whose message is shown to operators as it is. */
const SHOWN_ERROR = /^(?:\w+Error|VirtualIpUnknown|SourceUnreachable)$/;

/**
 * Finds what the program can tell its operators that something is wrong: the texts given to `log.warn` and
 * `log.error`, and to the errors of our own that are shown.
 *
 * @param root - The project's folder.
 * @returns Those with enough words of their own to be looked up; a text that is made elsewhere is told there.
 */
export function messagesOf(root: string): readonly Message[] {
  return globSync('src/**/*.ts', { cwd: root })
    .sort()
    .flatMap((path) => {
      const written = readFileSync(join(root, path), 'utf8');
      const source = ts.createSourceFile(path, written, ts.ScriptTarget.ESNext, true);
      const found: Message[] = [];
      const visit = (node: ts.Node): void => {
        for (const argument of toldBy(node)) {
          const text = textOf(argument).replaceAll(/…(?:…|\s*…)*/g, HOLE);
          const { line } = source.getLineAndCharacterOfPosition(argument.getStart());
          if (longestPart(text).split(/\s+/).length >= 3) found.push({ at: `${path}:${line + 1}`, text });
        }
        ts.forEachChild(node, visit);
      };
      visit(source);
      return found;
    });
}

/** The longest piece of a message without a hole, by which a reader would search. */
export function longestPart(text: string): string {
  const parts = text.split(HOLE).map((part) => part.replaceAll(/^[\s'"`:;,().]+|[\s'"`:;,().]+$/g, ''));
  return parts.reduce((longest, part) => (part.length > longest.length ? part : longest), '');
}

/** The argument that is told, if a node tells anything. */
function toldBy(node: ts.Node): readonly ts.Expression[] {
  if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
    const { name, expression } = node.expression;
    const isLog = /(?:^|[.#])log$/i.test(expression.getText());
    return isLog && (name.text === 'warn' || name.text === 'error') ? node.arguments.slice(0, 1) : [];
  }
  if (ts.isNewExpression(node) && SHOWN_ERROR.test(node.expression.getText())) {
    return (node.arguments ?? []).filter((argument) => textOf(argument).includes(' ')).slice(0, 1);
  }
  return [];
}

function textOf(node: ts.Expression): string {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    return node.head.text + node.templateSpans.map(({ literal }) => `${HOLE}${literal.text}`).join('');
  }
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    return textOf(node.left) + textOf(node.right);
  }
  if (ts.isParenthesizedExpression(node)) return textOf(node.expression);
  return HOLE;
}
