// The wa-client command, driven as a script would drive it: JSON lines and exit codes.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export class Client {
  constructor({ program, store, url, rootKey, name }) {
    this.program = program;
    this.arguments = ['--json', '--store', store, '--endpoint', url, '--root-key', rootKey, '--push-name', name];
  }

  /// Starts a command; its lines are collected, and `handle` sees each.
  start(command, handle = () => {}) {
    const child = spawn(this.program, [...this.arguments, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
    const run = { child, lines: [], errors: '', waiting: new Set(), ended: false };
    child.stderr.on('data', data => (run.errors += data));
    const told = () => run.waiting.forEach(check => check());
    const output = createInterface({ input: child.stdout }).on('line', line => {
      const event = JSON.parse(line);
      run.lines.push(event);
      handle(event);
      told();
    });
    // The process may be gone before its last lines were read.
    run.done = Promise.all([once(child, 'close'), once(output, 'close')]).then(([[code]]) => {
      run.ended = true;
      told();
      return code;
    });
    run.event = (what, matches, seconds = 30) =>
      new Promise((resolve, reject) => {
        const give = error => {
          clearTimeout(timer);
          run.waiting.delete(check);
          reject(new Error(`${error}: ${command.join(' ')} printed ${JSON.stringify(run.lines)} ${run.errors}`));
        };
        const check = () => {
          const found = run.lines.find(matches);
          if (found) {
            clearTimeout(timer);
            run.waiting.delete(check);
            resolve(found);
          } else if (run.ended) give(`wa-client ended before ${what}`);
        };
        const timer = setTimeout(() => give(`wa-client waited ${seconds} s in vain for ${what}`), seconds * 1000);
        run.waiting.add(check);
        check();
      });
    return run;
  }

  /// Runs a command to its end and expects success.
  async run(command, handle) {
    const run = this.start(command, handle);
    const code = await run.done;
    if (code !== 0) throw new Error(`wa-client ${command.join(' ')} ended with ${code}: ${run.errors}`);
    return run.lines;
  }

  /// Listens until it is told to stop.
  listen() {
    const run = this.start(['listen']);
    run.message = text => run.event(`the message "${text}"`, line => line.event === 'message' && line.text === text);
    run.stop = async signal => {
      run.child.kill(signal);
      await run.done;
    };
    return run;
  }
}
