// SPDX-License-Identifier: MIT
const order = { items: null };
console.log(order.items.length);
