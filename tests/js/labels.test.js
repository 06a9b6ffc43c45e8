/** Lists of labels as people have them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinLabels, splitLabels } from '../../web/api/labels.js';

test('lists are split where people put something between', () => {
  for (const [text, labels] of [
    ['cat, dog,bird', ['cat', 'dog', 'bird']],
    ['cat\tdog\tbird\n', ['cat', 'dog', 'bird']],
    ['cat\r\ndog\r\n\r\nbird', ['cat', 'dog', 'bird']],
    ['猫、犬，鳥；馬', ['猫', '犬', '鳥', '馬']],
    ['cat; dog', ['cat', 'dog']],
    ['"Washington, D.C.", cat', ['Washington, D.C.', 'cat']],
    ['"a ""quoted"" word",b', ['a "quoted" word', 'b']],
    ['“New York, NY”, cat', ['New York, NY', 'cat']],
    ['a 5" disk, b', ['a 5" disk', 'b']],
    ['"never closed, b', ['"never closed', 'b']],
    ['a dog’s bone, O’Hare', ['a dog’s bone', 'O’Hare']],
    [' , ,, ', []],
    ['one label', ['one label']],
    ['cat, cat', ['cat', 'cat']],
  ]) {
    assert.deepEqual(splitLabels(text), labels, JSON.stringify(text));
    assert.deepEqual(splitLabels(joinLabels(labels)), labels, joinLabels(labels));
  }
});
