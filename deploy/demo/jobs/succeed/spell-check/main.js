// SPDX-License-Identifier: MIT
const WORDS = ["definitely", "defiantly", "receive", "recipe", "weird",
    "wired"];

function distance(a, b) {
    let row = Array.from({ length: b.length + 1 }, (_, i) => i);
    let above = [];
    for (let i = 1; i <= a.length; i++) {
        const next = [i];
        for (let j = 1; j <= b.length; j++) {
            const same = a[i - 1] === b[j - 1];
            next[j] = Math.min(row[j] + 1, next[j - 1] + 1,
                row[j - 1] + (same ? 0 : 1));
            // Two letters that changed places count once.
            if (i > 1 && j > 1 && a[i - 1] === b[j - 2] &&
                a[i - 2] === b[j - 1]) {
                next[j] = Math.min(next[j], above[j - 2] + 1);
            }
        }
        [above, row] = [row, next];
    }
    return row[b.length];
}

const nearest = (word) => WORDS.reduce((best, other) =>
    (distance(word, other) < distance(word, best) ? other : best));
const found = process.argv.slice(2)
    .map((word) => `${word} -> ${nearest(word)}`);
console.log(found.join(", "));
