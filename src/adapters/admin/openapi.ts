import { z } from 'zod';
import { ADMIN_ROUTES } from './admin-routes.ts';
import { DOCUMENTS } from '../../ports/admin-documents.ts';
import type { AdminRoute } from './admin-routes.ts';

/**
 * Describes the API as an OpenAPI 3.1 document, made from the very schemas that answers and questions follow.
 *
 * Pure.
 *
 * @see OpenAPI Specification 3.1, https://spec.openapis.org/oas/v3.1.0
 */
export function openApi(version: string): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of ADMIN_ROUTES) {
    const path = (paths[route.path] ??= {});
    path[route.method.toLowerCase()] = operationOf(route);
  }
  const schemas = Object.entries(DOCUMENTS).map(([name, schema]) => [name, z.toJSONSchema(schema)] as const);
  return {
    openapi: '3.1.0',
    info: { title: 'embassy admin API', version },
    paths,
    components: { schemas: Object.fromEntries(schemas) },
  };
}

function operationOf({ summary, answers, query }: AdminRoute): Readonly<Record<string, unknown>> {
  return {
    summary,
    parameters: query === undefined ? [] : parametersOf(query),
    responses: {
      200: contentOf('As asked', answers),
      '4XX': contentOf('What is wrong with the question', 'problem'),
    },
  };
}

function contentOf(description: string, name: keyof typeof DOCUMENTS): Readonly<Record<string, unknown>> {
  const schema = { $ref: `#/components/schemas/${name}` };
  return { description, content: { 'application/json': { schema } } };
}

function parametersOf(query: z.ZodObject): readonly Readonly<Record<string, unknown>>[] {
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'input', unrepresentable: 'any' });
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}
