import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

import { ensureBaseImage } from './base-image.ts';
import { followBuild, hasImage } from './image-stream.ts';

import type Docker from 'dockerode';
import type { BaseImageOptions } from './base-image.ts';

const IMAGES_DIRECTORY = path.join(import.meta.dirname, '..', 'images');
const REPOSITORY = 'embassy-e2e';
const RECIPE_HASH_CHARS = 12;

/** The tags of the images that the suites run, each built of `e2e/images/<name>/Dockerfile`. */
export interface Images {
  readonly host: string;
  readonly etcd: string;
  readonly consul: string;
  readonly client: string;
}

interface Recipe {
  readonly name: string;
  readonly tag: string;
  readonly base: string;
}

/**
 * Builds the images that this engine lacks. An image is tagged by the hash of its recipe: a second run builds
 * nothing, a changed Dockerfile builds anew and drops the image it replaces.
 *
 * @throws {Error} when a base or a build is not to be had; the message ends with the build's last lines
 */
export async function ensureImages(engine: Docker, options: BaseImageOptions): Promise<Images> {
  const build = async (name: string): Promise<string> => {
    const recipe = await readRecipe(name);
    if (!(await hasImage(engine, recipe.tag))) {
      await buildImage(engine, recipe, options);
    }
    return recipe.tag;
  };
  // One after the other: they share the base, and apt's downloads share the machine.
  return {
    host: await build('host'),
    etcd: await build('etcd'),
    consul: await build('consul'),
    client: await build('client'),
  };
}

/** Saves an image as an archive that another engine can load. */
export async function saveImage(engine: Docker, image: string, archivePath: string): Promise<void> {
  await pipeline(await engine.getImage(image).get(), createWriteStream(archivePath));
}

async function readRecipe(name: string): Promise<Recipe> {
  const text = await readFile(path.join(IMAGES_DIRECTORY, name, 'Dockerfile'), 'utf8');
  const base = /^ARG BASE=(\S+)$/mu.exec(text)?.[1];
  if (base === undefined) {
    throw new Error(`e2e/images/${name}/Dockerfile pins no base: it needs a line "ARG BASE=<image>"`);
  }
  const hash = createHash('sha256').update(text).digest('hex').slice(0, RECIPE_HASH_CHARS);
  return { name, base, tag: `${REPOSITORY}/${name}:${hash}` };
}

async function buildImage(engine: Docker, recipe: Recipe, options: BaseImageOptions): Promise<void> {
  const base = await ensureBaseImage(engine, recipe.base, options);
  options.progress(`building ${recipe.tag}`);
  const context = path.join(IMAGES_DIRECTORY, recipe.name);
  const stream = await engine.buildImage(
    { context, src: ['Dockerfile'] },
    {
      t: recipe.tag,
      buildargs: { BASE: base },
      forcerm: true,
      // The build reaches the package mirror as the machine does; its engine may have no way out of its own.
      networkmode: 'host',
    },
  );
  await followBuild(engine, stream);
  await removeReplaced(engine, recipe);
}

async function removeReplaced(engine: Docker, recipe: Recipe): Promise<void> {
  const filters = { reference: [`${REPOSITORY}/${recipe.name}`] };
  for (const image of await engine.listImages({ filters })) {
    for (const tag of image.RepoTags ?? []) {
      if (tag !== recipe.tag) {
        // In use by another run: the next build tries again.
        await engine
          .getImage(tag)
          .remove()
          .catch(() => undefined);
      }
    }
  }
}
