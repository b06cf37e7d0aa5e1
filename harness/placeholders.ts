/** Placeholders of a subject description. On its own because the agent needs it and nothing else of subject.ts. */
import { NetsoakError } from './errors.js';

/** Replaces `{name}`; a name that nobody gives a value is an error of the description. */
export function fill(template: string, values: Readonly<Record<string, string | number | boolean>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) {
      throw new NetsoakError(
        'user',
        'bad-subject',
        `the subject description uses ${whole}, which this scenario does not set`,
        `known here: ${Object.keys(values).join(', ')}`,
      );
    }
    return String(value);
  });
}
