import { Component, html, render } from '/page/framework.js';
import { follow, read, TokenNeeded, useToken } from '/page/daemon.js';
import { BOX, chosen, COLUMNS, isTroubled, layOut, WIDTH } from '/page/picture.js';

/** Looks at the daemon are at least this far apart, in milliseconds. */
const PACE_MS = 400;

/** Connections come and go without a word of the daemon: they are looked at so often, in milliseconds. */
const LOOK_EVERY_MS = 2_000;

/** A state by its shape, for those who see no difference in its colour. */
const SHAPES = {
  ready: '●',
  unknown: '◌',
  empty: '✕',
  panic: '▲',
  draining: '◐',
  ejected: '✕',
  more: '…',
};

/** What is live, and what somebody asked to see of it. */
class Page extends Component {
  state = { bindings: undefined, endpoints: [], link: 'connecting', answer: undefined, ...asked() };

  componentDidMount() {
    addEventListener('popstate', () => this.setState(asked()));
    setInterval(() => {
      if (!document.hidden && this.state.link === 'live') void this.look();
    }, LOOK_EVERY_MS);
    void follow(
      () => void this.look(),
      (needsToken) => this.setState({ link: needsToken ? 'token' : 'lost' }),
    );
  }

  /** One look at a time; what changes meanwhile is seen by the next. */
  async look() {
    this.isWanted = true;
    if (this.isLooking) return;
    this.isLooking = true;
    while (this.isWanted) {
      this.isWanted = false;
      try {
        const [{ bindings }, { endpoints }] = await Promise.all([
          read('/v1/bindings'),
          read('/v1/endpoints'),
        ]);
        this.setState({ bindings, endpoints, link: 'live' });
      } catch (error) {
        this.setState({ link: error instanceof TokenNeeded ? 'token' : 'lost' });
      }
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    }
    this.isLooking = false;
  }

  /** What is shown stands in the address, so that it can be passed on. */
  show(change) {
    const { filter, trouble } = { ...this.state, ...change };
    const query = new URLSearchParams();
    if (filter !== '') query.set('filter', filter);
    if (trouble) query.set('trouble', '1');
    history.replaceState(null, '', query.size === 0 ? '/' : `/?${query}`);
    this.setState({ filter, trouble });
  }

  async explain(asks) {
    const title = `${asks.consumer} to port ${asks.port}/${asks.protocol}`;
    try {
      const { words } = await read(`/v1/explain?${new URLSearchParams(asks)}`);
      this.setState({ answer: { title, words } });
    } catch (error) {
      this.setState({ answer: { title, words: [error.message] } });
    }
  }

  render(_, state) {
    const { answer, bindings, endpoints, filter, link, trouble } = state;
    if (link === 'token') return html`<${Gate} onToken=${(token) => this.enter(token)} />`;
    const found = chosen(bindings ?? [], { filter, trouble });
    return html`
      <${Head} ...${{ bindings: bindings ?? [], endpoints, link }} />
      <main>
        <form class="filter" role="search" onSubmit=${(event) => event.preventDefault()}>
          <label>
            Find
            <input
              type="search"
              value=${filter}
              placeholder="consumer, port, service"
              onInput=${(event) => this.show({ filter: event.target.value })}
            />
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked=${trouble}
              onChange=${(event) => this.show({ trouble: event.target.checked })}
            />
            only trouble
          </label>
          <span class="dim" role="status"
            >${bindings && `${found.length} of ${bindings.length} bindings`}</span
          >
        </form>
        ${
          bindings === undefined
            ? html`<p class="empty-page">Asking the daemon …</p>`
            : found.length === 0
              ? html`<p class="empty-page">${nothing(bindings)}</p>`
              : html`<${Picture}
                  found=${found}
                  endpoints=${endpoints}
                  onAsk=${(asks) => this.explain(asks)}
                />`
        }
        <${Explain} answer=${answer} onAsk=${(asks) => this.explain(asks)} />
      </main>
    `;
  }

  enter(token) {
    useToken(token);
    this.setState({ link: 'connecting' });
    void this.look();
  }
}

function Head({ bindings, endpoints, link }) {
  const words = { connecting: 'connecting', live: 'live', lost: 'connection lost, trying again' };
  const open = bindings.reduce((sum, each) => sum + each.open, 0);
  const counts = [
    ['bindings', bindings.length, ''],
    ['in trouble', bindings.filter(isTroubled).length, 'trouble'],
    ['endpoints', endpoints.length, ''],
    ['not ready', endpoints.filter(({ state }) => state !== 'ready').length, 'trouble'],
    ['open connections', open, ''],
  ];
  return html`
    <header>
      <h1>embassy</h1>
      <span class=${`link ${link}`} role="status">${words[link]}</span>
      <dl>
        ${counts.map(
          ([name, count, kind]) =>
            html`<div class=${count > 0 ? kind : ''}>
              <dt>${name}</dt>
              <dd>${count}</dd>
            </div>`,
        )}
      </dl>
    </header>
  `;
}

function Picture({ endpoints, found, onAsk }) {
  const { boxes, height, left, lines } = layOut(found, endpoints);
  return html`
    <section class="picture" aria-label="Consumers, bindings, services and endpoints" tabindex="0">
      <div class="canvas" style=${{ height: `${height}px`, width: `${WIDTH}px` }}>
        <svg width=${WIDTH} height=${height} aria-hidden="true">
          ${lines.map(
            ({ key, path, state, width }) =>
              html`<path key=${key} class=${`line ${state}`} d=${path} stroke-width=${width} />`,
          )}
        </svg>
        ${COLUMNS.map(({ name, x }) => html`<h2 style=${{ left: `${x}px` }}>${name}</h2>`)}
        ${boxes.map((box) => html`<${Box} key=${box.key} box=${box} onAsk=${onAsk} />`)}
      </div>
      ${left > 0 && html`<p class="dim">${left} more bindings are not drawn: find them by a word above.</p>`}
    </section>
  `;
}

function Box({ box, onAsk }) {
  const { asks, column, note, state, text, title, unseen = '', y } = box;
  const { width, x } = COLUMNS[column];
  const place = { height: `${BOX}px`, left: `${x}px`, top: `${y}px`, width: `${width}px` };
  const content = html`
    ${state !== '' && html`<span class="shape" aria-hidden="true">${SHAPES[state]}</span>`}
    <span class="text">${text}</span>${' '} ${note !== '' && html`<span class="note">${note}</span>`}
    ${unseen !== '' && html`<span class="unseen">${unseen}</span>`}
  `;
  if (asks === undefined) {
    return html`<div class=${`box ${state}`} style=${place} title=${title || text}>${content}</div>`;
  }
  return html`<button class=${`box ${state}`} style=${place} onClick=${() => onAsk(asks)}>
    ${content}
  </button>`;
}

function Explain({ answer, onAsk }) {
  const ask = (event) => {
    event.preventDefault();
    onAsk(Object.fromEntries(new FormData(event.currentTarget)));
  };
  return html`
    <section class="explain" aria-labelledby="explain">
      <h2 id="explain">Explain</h2>
      <p class="dim">Why a connection goes where it goes, or why not. Choose a binding above, or ask.</p>
      <form onSubmit=${ask}>
        <label>Consumer <input name="consumer" required placeholder="name, id or address" /></label>
        <label>Port <input name="port" type="number" min="1" max="65535" required /></label>
        <label>
          Protocol
          <select name="protocol">
            <option value="tcp">tcp</option>
            <option value="udp">udp</option>
          </select>
        </label>
        <button type="submit">Explain</button>
      </form>
      <div aria-live="polite">
        ${
          answer &&
          html`<h3>${answer.title}</h3>
            <ol class="steps">
              ${answer.words.map(
                (line) => html`<li class=${line.startsWith('  ') ? 'detail' : ''}>${line.trim()}</li>`,
              )}
            </ol>`
        }
      </div>
    </section>
  `;
}

/** Asked where reading needs the token. */
function Gate({ onToken }) {
  const enter = (event) => {
    event.preventDefault();
    onToken(String(new FormData(event.currentTarget).get('token')).trim());
  };
  return html`
    <main class="gate">
      <h1>embassy</h1>
      <p>
        Somebody else can reach this address, so the daemon wants the token of
        <code>--admin-token-file</code>. It is kept until this page is closed.
      </p>
      <form onSubmit=${enter}>
        <label>Token <input name="token" type="password" autocomplete="off" required /></label>
        <button type="submit">Show</button>
      </form>
    </main>
  `;
}

function nothing(bindings) {
  return bindings.length === 0
    ? 'Nobody asks for a service yet. A container does so in its environment: BACKEND_APP=/services/app;80'
    : 'Nothing fits what you are looking for.';
}

function asked() {
  const query = new URLSearchParams(location.search);
  return { filter: query.get('filter') ?? '', trouble: query.has('trouble') };
}

render(html`<${Page} />`, document.getElementById('page'));
