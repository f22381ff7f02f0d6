import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import type { StartedDockerHost } from './started-docker-host.ts';

/** The part of a compose file that ours uses; anything else in it is an error, not ignored. */
const COMPOSE = z.strictObject({
  name: z.string(),
  services: z.record(
    z.string(),
    z.strictObject({
      image: z.string(),
      command: z.array(z.string()),
      environment: z.record(z.string(), z.string()).default({}),
      network_mode: z.string().optional(),
      networks: z.record(z.string(), z.strictObject({ ipv4_address: z.string().optional() })).default({}),
      cap_drop: z.array(z.string()).default([]),
      cap_add: z.array(z.string()).default([]),
      security_opt: z.array(z.string()).default([]),
      read_only: z.boolean().default(false),
      tmpfs: z.array(z.string()).default([]),
      volumes: z.array(z.string()).default([]),
      extra_hosts: z.array(z.string()).default([]),
      depends_on: z.array(z.string()).default([]),
      restart: z.string().default('no'),
    }),
  ),
  networks: z.record(
    z.string(),
    z.object({ ipam: z.object({ config: z.array(z.object({ subnet: z.string() })) }) }),
  ),
});

/**
 * Brings up what a compose file says, as `docker compose up -d` does, on a host that has no such command: one
 * `docker run` for each service, in the order of the file, which has to name first what others depend on.
 *
 * @param images - For each variable that names an image, the image there is here.
 */
export async function composeUp(
  host: StartedDockerHost,
  file: string,
  images: Readonly<Record<string, string>>,
): Promise<void> {
  const { name: project, services, networks } = COMPOSE.parse(parse(await readFile(file, 'utf8')));
  for (const [name, { ipam }] of Object.entries(networks)) {
    await host.createNetwork(`${project}_${name}`, ipam.config[0]?.subnet ?? '');
  }
  const started: string[] = [];
  for (const [name, service] of Object.entries(services)) {
    for (const needed of service.depends_on) {
      if (!started.includes(needed)) throw new Error(`${name} stands before ${needed}, which it depends on`);
    }
    started.push(name);
    const [network] = Object.entries(service.networks);
    const of = (flag: string, values: readonly string[]): readonly string[] =>
      values.flatMap((each) => [flag, each]);
    const networkName = network === undefined ? service.network_mode : `${project}_${network[0]}`;
    const args = [
      ...['--name', `${project}-${name}-1`, '--restart', service.restart],
      ...of('--network', networkName === undefined ? [] : [networkName]),
      ...of('--ip', network?.[1].ipv4_address === undefined ? [] : [network[1].ipv4_address]),
      ...of(
        '--env',
        Object.entries(service.environment).map(([key, value]) => `${key}=${value}`),
      ),
      ...of('--cap-drop', service.cap_drop),
      ...of('--cap-add', service.cap_add),
      ...of('--security-opt', service.security_opt),
      ...of('--tmpfs', service.tmpfs),
      ...of('--volume', service.volumes),
      ...of('--add-host', service.extra_hosts),
      ...(service.read_only ? ['--read-only'] : []),
    ];
    await host.output(['docker', 'run', '-d', ...args, imageOf(service.image, images), ...service.command]);
  }
}

/** `${NAME:-default}`, as compose understands it. */
function imageOf(written: string, images: Readonly<Record<string, string>>): string {
  return written.replace(/^\$\{(\w+):-[^}]+\}$/u, (_whole, name: string) => {
    const image = images[name];
    if (image === undefined) throw new Error(`nobody said which image ${name} is`);
    return image;
  });
}
