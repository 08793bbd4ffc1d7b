// SPDX-License-Identifier: MIT
const fs = require("fs");

const letter = fs.readFileSync("letter.txt", "utf8");
process.stdout.write(letter.replace(/{{(\w+)}}/g, (_, name) => {
    if (process.env[name] === undefined) {
        throw new Error(`no value for ${name}`);
    }
    return process.env[name];
}));
