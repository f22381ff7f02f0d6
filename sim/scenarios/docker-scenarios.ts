import type { Scenario } from './scenario.ts';

/** One resync of the engine, with the list that it is and a pause. */
const RESYNCED_MS = 36_000;

/** What goes wrong between Docker and embassy. */
export const DOCKER_SCENARIOS: readonly Scenario[] = [
  ...(['closed', 'broken', 'silent'] as const).map((how): Scenario => ({
    id: 'P01',
    title: `a container is seen that starts after the event stream is ${how}`,
    bounds: { provider: RESYNCED_MS },
    play: async (stage) => {
      const endpoint = await stage.serve('/a', '10.1.0.1:80');
      await stage.pass(1_000);
      stage.world.engine.cutStreams(how);
      const web = stage.start('web', ['/a;80']);
      await stage.pass(how === 'silent' ? RESYNCED_MS : 3_000);
      await stage.expectServed(web, 80, endpoint);
      const later = stage.start('later', ['/a;80']);
      await stage.pass(100);
      await stage.expectServed(later, 80, endpoint);
    },
  })),
  {
    id: 'P02',
    title: 'a container that starts between subscription and list is seen',
    startsLate: true,
    play: async (stage) => {
      const endpoint = await stage.serve('/a', '10.1.0.1:80');
      Object.assign(stage.world.engine.faults, { subscribeDelayMs: 50, listDelayMs: 300 });
      await stage.world.start();
      await stage.pass(100);
      const web = stage.start('web', ['/a;80']);
      await stage.pass(1_000);
      await stage.expectServed(web, 80, endpoint);
    },
  },
  {
    id: 'P03',
    title: 'what happens while every event is lost is known after one resync',
    bounds: { provider: RESYNCED_MS },
    play: async (stage) => {
      const endpoint = await stage.serve('/a', '10.1.0.1:80');
      const old = stage.start('old', ['/a;80']);
      const stays = stage.start('stays', ['/a;80']);
      await stage.pass(1_000);
      stage.world.engine.faults.eventLoss = 1;
      stage.world.stopContainer(old, { dieAfterMs: 0 });
      await stage.pass(RESYNCED_MS);
      stage.expectRoute('172.17.0.2', 80, undefined);
      const web = stage.start('web', ['/a;80']);
      await stage.pass(RESYNCED_MS);
      await stage.expectServed(web, 80, endpoint);
      await stage.expectServed(stays, 80, endpoint);
    },
  },
  {
    id: 'P05',
    title: 'a network that a running container joins and leaves binds it there and no longer',
    play: async (stage) => {
      const endpoint = await stage.serve('/a', '10.1.0.1:80');
      const web = stage.start('web', ['/a;80']);
      await stage.pass(500);
      stage.world.toggleNetwork(web);
      await stage.pass(100);
      stage.expectRoute('172.20.0.2', 80, '/a');
      stage.world.toggleNetwork(web);
      await stage.pass(100);
      stage.expectRoute('172.20.0.2', 80, undefined);
      await stage.expectServed(web, 80, endpoint);
    },
  },
  {
    id: 'P06',
    title: 'every address of a container on several networks is served',
    play: async (stage) => {
      await stage.serve('/a', '10.1.0.1:80');
      const web = stage.start('web', ['/a;80']);
      stage.world.toggleNetwork(web);
      await stage.pass(500);
      for (const { address } of stage.world.residents) {
        stage.expectRoute(address, 80, '/a');
        const connection = await stage.dial(address, 80);
        const greeting = connection.read();
        await stage.pass(100);
        const text = new TextDecoder().decode(await greeting);
        stage.expect(`${address} is greeted`, text, text === '10.1.0.1:80\n');
        connection.reset();
      }
    },
  },
  {
    id: 'P07',
    title: 'containers that share the network of another follow it through its restart, and through chains',
    play: async (stage) => {
      const { engine } = stage.world;
      await stage.serve('/a', '10.1.0.1:80');
      const owner = engine.run({ name: 'owner' });
      const sharer = engine.run({
        name: 'sharer',
        network: `container:${owner}`,
        env: ['BACKEND_A=/a;80'],
      });
      engine.run({ name: 'chained', network: `container:${sharer}`, env: ['BACKEND_A=/a;81'] });
      await stage.pass(500);
      for (const port of [80, 81]) stage.expectRoute('172.17.0.2', port, '/a');
      engine.stop(owner);
      await stage.pass(100);
      stage.expectRoute('172.17.0.2', 80, undefined);
      engine.run({ name: 'other' });
      engine.start(owner);
      await stage.pass(100);
      for (const port of [80, 81]) {
        stage.expectRoute('172.17.0.2', port, undefined);
        stage.expectRoute('172.17.0.3', port, '/a');
      }
    },
  },
  {
    id: 'P09',
    title: 'a container whose end nobody told is gone after one resync',
    bounds: { provider: RESYNCED_MS },
    play: async (stage) => {
      await stage.serve('/a', '10.1.0.1:80');
      const ghost = stage.start('ghost', ['/a;80']);
      await stage.pass(1_000);
      stage.world.engine.faults.eventLoss = 1;
      stage.world.stopContainer(ghost, { dieAfterMs: 0 });
      await stage.pass(RESYNCED_MS);
      stage.expect(
        'no route',
        stage.world.daemon.table.routes.size,
        stage.world.daemon.table.routes.size === 0,
      );
      const { watches } = stage.world.daemon.services;
      stage.expect('no watch', watches.length, watches.length === 0);
    },
  },
  {
    id: 'P10',
    title: 'a descriptor that cannot be read costs no other its binding',
    play: async (stage) => {
      const endpoint = await stage.serve('/a', '10.1.0.1:80');
      const bad = ['BACKEND_BAD=no;port', 'BACKEND_WORSE=[', 'TEXT=two\nlines', 'BACKEND_='];
      const web = stage.start('web', ['/a;80'], bad);
      await stage.pass(500);
      await stage.expectServed(web, 80, endpoint);
      const { problems } = stage.world.daemon;
      stage.expect('embassy runs on', problems.length, stage.world.proxier.openConnections === 0);
    },
  },
];
