// The sample pictures: what each shows, what it may be asked, and its scene.
import { goldfish, jellyfish, ladybug } from './scenes/animals.js';
import { lemons, oranges, pizza } from './scenes/fruit.js';
import { lighthouse, schoolBus } from './scenes/outdoors.js';

export const SAMPLES = [
  {
    name: 'oranges',
    scene: oranges,
    title: 'Oranges',
    labels: ['orange', 'lemon', 'banana', 'pizza', 'basketball'],
    alt: 'Three oranges on a wooden table, one with a leaf',
  },
  {
    name: 'school-bus',
    scene: schoolBus,
    title: 'A bus',
    labels: ['school bus', 'police van', 'sports car', 'tractor', 'limousine'],
    alt: 'A yellow school bus on a road before trees',
  },
  {
    name: 'lighthouse',
    scene: lighthouse,
    title: 'At the sea',
    labels: ['lighthouse', 'water tower', 'barn', 'lifeboat', 'suspension bridge'],
    alt: 'A lighthouse with red and white bands on a rocky headland',
  },
  {
    name: 'ladybug',
    scene: ladybug,
    title: 'On a leaf',
    labels: ['ladybug', 'spider', 'frog', 'mushroom', 'goldfish'],
    alt: 'A ladybug with black spots on a green leaf',
  },
  {
    name: 'jellyfish',
    scene: jellyfish,
    title: 'Deep water',
    labels: ['jellyfish', 'umbrella', 'goldfish', 'coral reef', 'spider web'],
    alt: 'A pale jellyfish in deep blue water',
  },
  {
    name: 'goldfish',
    scene: goldfish,
    title: 'In the tank',
    labels: ['goldfish', 'jellyfish', 'frog', 'lobster', 'penguin'],
    alt: 'A goldfish in an aquarium',
  },
  {
    name: 'lemons',
    scene: lemons,
    title: 'Lemons',
    labels: ['lemon', 'banana', 'pizza', 'teapot', 'mushroom'],
    alt: 'Three lemons on a wooden table',
  },
  {
    name: 'pizza',
    scene: pizza,
    title: 'Supper',
    labels: ['pizza', 'ice cream', 'espresso', 'pretzel', 'goldfish'],
    alt: 'A pizza with salami and basil',
  },
];
