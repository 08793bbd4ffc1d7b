// SPDX-License-Identifier: MIT
const SIZE = 12;
let alive = new Set(["1,0", "2,1", "0,2", "1,2", "2,2"]);

function neighbours(cell) {
    const [x, y] = cell.split(",").map(Number);
    const around = [];
    for (let dx = -1; dx <= 1; dx++) {
        for (let dy = -1; dy <= 1; dy++) {
            if (dx !== 0 || dy !== 0) {
                around.push([x + dx, y + dy]);
            }
        }
    }
    // The world is round: what leaves at one side enters at the other.
    return around.map((at) => at.map((n) => (n + SIZE) % SIZE).join(","));
}

for (let generation = 0; generation < 40; generation++) {
    const counts = new Map();
    for (const cell of [...alive].flatMap(neighbours)) {
        counts.set(cell, (counts.get(cell) ?? 0) + 1);
    }
    alive = new Set([...counts.keys()].filter((cell) =>
        counts.get(cell) === 3 || (counts.get(cell) === 2 && alive.has(cell))));
}

console.log(`${alive.size} cells alive after 40 generations`);
for (let y = 0; y < SIZE; y++) {
    const row = Array.from({ length: SIZE }, (_, x) => alive.has(`${x},${y}`));
    console.log(row.map((is) => (is ? "o" : ".")).join(""));
}
