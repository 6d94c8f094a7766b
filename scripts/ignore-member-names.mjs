/**
 * A plugin of the mutation tests: it leaves out the quoted names of methods, such as `'~ring'`. Stryker cannot replace
 * them by an expression, and would end with an error.
 */
const memberNames = {
  shouldIgnore({ node, parent, key }) {
    const isQuotedName = node.type === 'StringLiteral' && key === 'key';
    return isQuotedName && /Method$/.test(parent.type) ? 'The name of a method is no expression' : undefined;
  },
};

export const strykerPlugins = [{ kind: 'Ignore', name: 'member-names', value: memberNames }];
