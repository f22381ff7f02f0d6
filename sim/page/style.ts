/** How the page looks, by day and by night. */
export const STYLE = `
:root { color-scheme: light dark; --back: #fbfbf9; --ink: #1d2024; --soft: #5d646e;
  --line: #d9dbd6; --card: #fff;
  --good: #2b8a57; --bad: #c2352b; --warn: #c77d00; --calm: #3a6ea5; --other: #7a5bb0; }
@media (prefers-color-scheme: dark) {
  :root { --back: #15171a; --ink: #e8e9e6; --soft: #9aa1aa; --line: #34383e; --card: #1d2024;
    --good: #4cc38a; --bad: #f2685c; --warn: #f0ad3a; --calm: #6fa8e0; --other: #ad91e0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 72rem; background: var(--back);
  color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 1.05rem; margin: 2.2rem 0 0.2rem; }
p { margin: 0.2rem 0 0.6rem; color: var(--soft); max-width: 60rem; }
code { font: 0.85em ui-monospace, monospace; background: var(--card); border: 1px solid var(--line);
  border-radius: 4px; padding: 0.15em 0.4em; overflow-wrap: anywhere; }
.verdict { display: inline-block; margin: 0.8rem 0; padding: 0.3rem 0.8rem; border-radius: 99px;
  color: #fff;
  font-weight: 600; background: var(--good); }
.verdict.bad { background: var(--bad); }
@media (prefers-color-scheme: dark) { .verdict { color: #15171a; } }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: 0.7rem;
  margin: 1rem 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 0.6rem 0.8rem; }
.tile b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: 0.85rem; }
svg { display: block; width: 100%; height: auto; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; padding: 8px 4px 0; }
.grid { stroke: var(--line); stroke-width: 1; }
.mark { fill: var(--soft); font-size: 11px; text-anchor: middle; }
.name { fill: var(--ink); font-size: 11px; text-anchor: end; }
.fault { fill: var(--warn); } .load, .served { fill: var(--calm); } .cut { fill: var(--warn); }
.refused { fill: var(--soft); } .silent { fill: var(--bad); } .added { fill: var(--good); }
.removed { fill: var(--other); } .line { fill: none; stroke-width: 2; }
.line.ejected { stroke: var(--bad); } .line.held { stroke: var(--other); }
.key { display: flex; flex-wrap: wrap; gap: 0.3rem 1.1rem; margin: 0.3rem 0 0.5rem;
  font-size: 0.85rem; color: var(--soft); }
.key i { display: inline-block; width: 0.75em; height: 0.75em; border-radius: 2px; margin-right: 0.4em; }
.key .served { background: var(--calm); } .key .cut { background: var(--warn); }
  .key .refused { background: var(--soft); }
.key .silent, .key .ejected { background: var(--bad); } .key .added { background: var(--good); }
.key .removed, .key .held { background: var(--other); }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; }
td, th { text-align: left; padding: 0.3rem 0.6rem 0.3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; width: 8rem; }
.yes { color: var(--good); } .no { color: var(--bad); font-weight: 600; }
`;
