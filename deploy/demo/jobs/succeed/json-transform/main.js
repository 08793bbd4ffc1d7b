// SPDX-License-Identifier: MIT
const orders = JSON.parse(require("fs").readFileSync(0, "utf8"));

const customers = {};
for (const { customer, items } of orders) {
    const entry = (customers[customer] ??= { orders: 0, pieces: 0 });
    entry.orders += 1;
    entry.pieces += items.reduce((sum, item) => sum + item.pieces, 0);
}
console.log(JSON.stringify(customers));
