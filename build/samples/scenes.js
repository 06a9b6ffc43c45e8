// The sample pictures: what each shows, what it may be asked, and its scene.
import { goldfish, jellyfish, ladybug } from './scenes/animals.js';
import { lemons, oranges, pizza } from './scenes/fruit.js';
import { lighthouse, schoolBus } from './scenes/outdoors.js';

export const SAMPLES = [
  { name: 'oranges', scene: oranges, title: 'Oranges', labels: ['orange', 'lemon', 'basketball', 'goldfish', 'pizza'], alt: 'Three oranges on a wooden table, one with a leaf' },
  { name: 'school-bus', scene: schoolBus, title: 'A bus', labels: ['school bus', 'police van', 'sports car', 'freight car', 'tractor'], alt: 'A yellow school bus on a road before trees' },
  { name: 'lighthouse', scene: lighthouse, title: 'At the sea', labels: ['lighthouse', 'water tower', 'obelisk', 'barn', 'lifeboat'], alt: 'A lighthouse with red and white bands on a rocky headland' },
  { name: 'ladybug', scene: ladybug, title: 'On a leaf', labels: ['ladybug', 'bee', 'spider', 'frog', 'mushroom'], alt: 'A ladybug with black spots on a green leaf' },
  { name: 'jellyfish', scene: jellyfish, title: 'Deep water', labels: ['jellyfish', 'goldfish', 'umbrella', 'coral reef', 'sea cucumber'], alt: 'A pale jellyfish in deep blue water' },
  { name: 'goldfish', scene: goldfish, title: 'In the tank', labels: ['goldfish', 'frog', 'dragonfly', 'orange', 'lobster'], alt: 'A goldfish in an aquarium' },
  { name: 'lemons', scene: lemons, title: 'Lemons', labels: ['lemon', 'orange', 'banana', 'bell pepper', 'goldfish'], alt: 'Three lemons on a wooden table' },
  { name: 'pizza', scene: pizza, title: 'Supper', labels: ['pizza', 'potpie', 'ice cream', 'meat loaf', 'plate'], alt: 'A pizza with salami and basil' },
];
