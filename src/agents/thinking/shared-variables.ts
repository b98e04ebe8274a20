import {
  changeVariables,
  mergeVariables,
  visibleTo,
  type Propagation,
  type Variables,
} from '../core/thinking/context-variables.ts';
import type { Persona } from './thinking-agent.ts';

/** The context variables of one conversation, as each of its agents sees them. */
export class SharedVariables {
  private readonly propagation: Propagation;
  private readonly initialOf: (persona: Persona) => Variables;
  private shared: Variables;
  private readonly own = new Map<string, Variables>();

  constructor(propagation: Propagation, begun: Variables, initialOf: (persona: Persona) => Variables) {
    this.propagation = propagation;
    this.shared = begun;
    this.initialOf = initialOf;
  }

  /** An agent that has the conversation for the first time brings its own; what is there already wins. */
  enter(persona: Persona): void {
    const initial = this.initialOf(persona);
    if (this.propagation === 'all') this.shared = mergeVariables(initial, this.shared, 'shallow');
    else if (!this.own.has(persona.id))
      this.own.set(persona.id, this.own.size === 0 ? mergeVariables(initial, this.shared, 'shallow') : initial);
  }

  readableBy(persona: Persona): Readonly<Variables> {
    return visibleTo(this.of(persona), persona.definition.context?.read ?? 'all');
  }

  change(persona: Persona, change: Variables): void {
    const { write = 'all', merge = 'shallow' } = persona.definition.context ?? {};
    this.set(persona, changeVariables(this.of(persona), change, { write, merge }));
  }

  /** What goes with the conversation. */
  handOn(from: Persona, to: Persona): void {
    const given = this.of(from);
    this.enter(to);
    if (this.propagation !== 'on-handoff') return;
    this.set(to, mergeVariables(this.of(to), given, to.definition.context?.merge ?? 'shallow'));
  }

  /** What goes with it out of this process. */
  handOut(from: Persona): Variables {
    return this.propagation === 'none' ? {} : this.of(from);
  }

  private of(persona: Persona): Variables {
    return this.propagation === 'all' ? this.shared : (this.own.get(persona.id) ?? {});
  }

  private set(persona: Persona, variables: Variables): void {
    if (this.propagation === 'all') this.shared = variables;
    else this.own.set(persona.id, variables);
  }
}
