import { describeChangingProviderContract } from '../../contracts/provider.contract.ts';
import { DockerWorld } from '../../support/docker-world.ts';
import type { ApiShape } from '../../../sim/docker/engine-documents.ts';
import type { ChangeableSubject } from '../../contracts/provider.contract.ts';

for (const shape of ['1.41', '1.52'] as const) {
  describeChangingProviderContract(`createDockerProvider (documents of API ${shape})`, () => setup(shape));
}

async function setup(shape: ApiShape): Promise<ChangeableSubject> {
  const world = new DockerWorld({ shape });
  const ids = new Map<string, string>();
  return {
    provider: world.provider,
    pass: () => world.clock.advance(100),
    held: async () => world.held,
    put: async (name, descriptors) => {
      const env = descriptors.map((descriptor, index) => `BACKEND_${index}=${descriptor}`);
      ids.set(name, world.engine.run({ name, env }));
    },
    remove: async (name) => {
      world.engine.remove(ids.get(name) ?? '');
    },
    cut: async () => {
      world.engine.crash();
    },
    repair: async () => {
      world.engine.bounce();
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
