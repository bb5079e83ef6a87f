// The rank under other weights: the score is the weighted mean of the scaled axes that the ranking stored.
// Ranks count within each socket; equal scores share the better rank, as in the ranking itself.
function scores(data, weights) {
  const scaled = data.columns.scaled;
  return scaled.map((axes, i) => {
    if (data.columns.rank[i] === null || !axes) return null;
    let sum = 0, total = 0;
    for (const name in axes) {
      const weight = weights[name] || 0;
      sum += weight * axes[name];
      total += weight;
    }
    return total > 0 ? sum / total : 0;
  });
}

function ranksWithin(values, sockets) {
  const groups = new Map(), ranks = values.map(() => null);
  values.forEach((value, i) => {
    if (value === null) return;
    if (!groups.has(sockets[i])) groups.set(sockets[i], []);
    groups.get(sockets[i]).push(i);
  });
  for (const members of groups.values()) {
    members.sort((a, b) => values[b] - values[a]);
    members.forEach((i, k) => {
      const before = members[k - 1];
      ranks[i] = k && values[before] - values[i] < 1e-9 ? ranks[before] : k + 1;
    });
  }
  return ranks;
}
