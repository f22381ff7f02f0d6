/** What somebody writes into etcd, and what a consumer of it should find. */
export interface KeyLayout {
  readonly name: string;
  readonly service: string;
  readonly keys: Readonly<Record<string, string>>;
  /** `address:port` of every endpoint. */
  readonly sees: readonly string[];
}

/** The layouts of registrars that are in use, the same in etcd v2 and v3 [C7]. */
export const KEY_LAYOUTS: readonly KeyLayout[] = [
  {
    name: 'the original, as deep as it writes',
    service: '/services/prod/apache',
    keys: {
      '/services/prod/apache/80/49177/6b06da408f97': JSON.stringify({
        id: '6b06da408f97',
        host: 'machine-1',
        ipaddress: '10.1.0.1',
        env: { PATH: '/bin' },
        tags: ['prod'],
        name: 'apache',
        host_port: '49177',
        proto: 'tcp',
        port: '80',
        path: '/services/prod/apache',
      }),
      '/services/prod/apache2/80/1/x': '10.9.9.9:1',
    },
    sees: ['10.1.0.1:49177'],
  },
  {
    name: 'registrator',
    service: '/services/redis',
    keys: {
      '/services/redis/host-1:redis.1:6379': '10.1.0.2:49153',
      '/services/redis/host-2:redis.2:6379': '[fd00::2]:49154',
      '/services/redis-sentinel/host-1:sentinel.1:26379': '10.9.9.9:1',
    },
    sees: ['10.1.0.2:49153', '[fd00::2]:49154'],
  },
  {
    name: 'SmartStack',
    service: '/nerve/services/web/services',
    keys: {
      '/nerve/services/web/services/i-0a1_web-1': '{"host":"10.1.0.3","port":3000,"name":"i-0a1"}',
      '/nerve/services/web/services/i-0a2_web-2': JSON.stringify({
        host: 'web-2.example.net',
        port: 3000,
        name: 'i-0a2',
        weight: 5,
        labels: { az: 'a' },
      }),
    },
    sees: ['10.1.0.3:3000', 'web-2.example.net:3000'],
  },
  {
    name: 'a segment that may be anything',
    service: '/prod/*/80',
    keys: {
      '/prod/web/80/a': '10.0.0.1:80',
      '/prod/api/80/b': '10.0.0.2:80',
      '/prod/api/81/c': '10.9.9.9:1',
      '/prod/a/b/80/d': '10.9.9.9:1',
    },
    sees: ['10.0.0.1:80', '10.0.0.2:80'],
  },
];
