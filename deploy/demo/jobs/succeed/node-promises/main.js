// SPDX-License-Identifier: MIT
const later = (value) =>
    new Promise((resolve) => setTimeout(() => resolve(value), 10));

async function main() {
    const numbers = Array.from({ length: 10 }, (_, i) => i);
    const squares = await Promise.all(numbers.map((n) => later(n * n)));
    const sum = squares.reduce((a, b) => a + b);
    console.log(`${squares.length} promises kept, ${sum} in all`);
}

main();
